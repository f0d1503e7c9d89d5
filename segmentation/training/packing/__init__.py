"""Packing: from a fitted model to a package, with the proof that both answer the same."""
