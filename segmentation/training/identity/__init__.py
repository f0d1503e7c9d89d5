"""Identity: names for clusters, and which segment continues which of the model before."""
