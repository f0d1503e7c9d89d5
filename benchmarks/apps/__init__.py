"""Services to compare ours with."""
