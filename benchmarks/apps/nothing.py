"""A Flask route that does nothing: what Flask and gunicorn cost by themselves."""

from flask import Flask, Response

app = Flask(__name__, static_folder=None)


@app.post("/predict")
def predict() -> Response:
    """Answer without looking."""
    return Response(b'{"ok":true}', content_type="application/json")
