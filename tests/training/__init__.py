"""Tests of the build side."""
