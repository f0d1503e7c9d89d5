"""The one reader of tables, for both sides: files of records and of transactions, in columns.

From a path, a request or an ``s3://`` address to chunks of values by field, with what could not be
read named by line and column. What a valid record is, the schema says; nothing here fits, answers
or knows HTTP.
"""
