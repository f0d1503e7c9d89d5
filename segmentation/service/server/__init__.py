"""HTTP on an event loop: connections, what comes over them, and how they end without a loss."""
