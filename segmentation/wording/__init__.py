"""Words for people, made from data and made last: for the pages, the terminal, MLflow and the API.

``phrases`` says numbers and lists, ``metrics`` what was measured and where, ``clusters`` how
segments were named. Nothing is measured here, and no text is taken apart.
"""
