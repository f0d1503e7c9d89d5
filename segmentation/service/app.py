"""``create_app``: puts the parts together. What happens around every request is here, too."""

from __future__ import annotations

import os
import re
import secrets
from time import perf_counter

from flask import Flask, Response, g, request

from segmentation.service import problems
from segmentation.service.docs import docs_routes
from segmentation.service.metrics import Metrics
from segmentation.service.routes import routes
from segmentation.service.settings import Settings
from segmentation.service.slot import ModelSlot

# What a client may choose as the name of its request: it ends up in logs and headers.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


def create_app(settings: Settings | None = None) -> Flask:
    """Make the Flask app.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment if not given.

    Returns
    -------
    Flask
        Its model is loaded on first use, or by ``app.extensions["model_slot"].load()``.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = Flask("segmentation", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect would be HTML
    slot = app.extensions["model_slot"] = ModelSlot(settings.model_path, settings.model_public_key)
    metrics = Metrics()
    problems.register(app)
    app.register_blueprint(routes(slot, metrics, settings))
    app.register_blueprint(docs_routes(slot, settings))
    _observe(app, metrics)
    return app


def _observe(app: Flask, metrics: Metrics) -> None:
    """Name, time and count every request."""

    @app.before_request
    def begin() -> None:
        g.started = perf_counter()
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)

    @app.after_request
    def end(response: Response) -> Response:
        rule = request.url_rule
        route = rule.rule if rule else "unmatched"
        response.headers["X-Request-ID"] = g.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        metrics.request(request.method, route, response.status_code, perf_counter() - g.started)
        # For the access log, which gunicorn writes when the answer has gone out.
        request.environ["segmentation.log"] = {
            "request_id": g.request_id,
            "route": route,
            "records": g.get("n_records"),
        }
        return response
