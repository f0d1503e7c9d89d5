"""The build side: split, search, fit, measure and pack. Nothing here runs in the service."""
