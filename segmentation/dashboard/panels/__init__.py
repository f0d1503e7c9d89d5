"""Parts of pages, each about one thing that the service knows."""
