"""Tests of deploy/deploy.py."""
