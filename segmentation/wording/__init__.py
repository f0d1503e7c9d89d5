"""Texts for people, made from data: for the pages, the terminal, MLflow and the API.

``phrases`` words numbers and lists, ``metrics`` words what was measured and on which records,
``clusters`` words how segments were named,
``left_out`` why transactions don't count. Nothing is measured here, and no text is parsed.
"""
