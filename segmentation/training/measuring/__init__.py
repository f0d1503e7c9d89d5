"""Measuring: metrics, profiles and the map of segments. Models come in; none is fitted for use."""
