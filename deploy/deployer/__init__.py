"""The steps of a deployment; deploy/deploy.py puts them in their order."""
