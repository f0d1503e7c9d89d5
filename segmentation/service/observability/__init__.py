"""What operators see: logs, counters, trace contexts and how answers end."""
