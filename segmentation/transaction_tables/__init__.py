"""Tables of transactions in a database, without the faulty ones, for both sides.

Training makes clean Parquet of them, the service the customers of an order file. What a cell is, is
in ``tables``; which rules there are, in ``transaction_rules``; what becomes of the transactions
that are kept, in ``aggregation``. Neither pandas nor a study is known here.
"""
