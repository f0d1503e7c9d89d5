"""Measurements of speed, memory and method, printed side by side; none of them is a test."""
