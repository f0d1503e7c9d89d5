"""What the service adds to gunicorn: its worker, and how it stops without a loss."""
