"""Comparison: other kinds of model on the same records, for ``train.py --compare``."""
