"""HTTP over the run side: a thin Flask app. A route reads, asks the model and writes; no more.

``create_app`` is in ``app``; nothing is imported here, so that gunicorn can read the settings
before it loads the rest.
"""
