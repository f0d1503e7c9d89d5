"""Fitting: from a study's records to a calibrated model. Nothing here names, packs or prints."""
