"""``create_app``: puts the parts of the service together."""

from __future__ import annotations

import os

from flask import Flask

from segmentation.service import problem_details
from segmentation.service.api_docs import docs_routes
from segmentation.service.api_routes import routes
from segmentation.service.catalogue import ServedModels, packages
from segmentation.service.fast_path import FastPath
from segmentation.service.file_routes import file_routes
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.request_observer import RequestObserver
from segmentation.service.pages import Pages, pages_routes
from segmentation.service.request_target import CanonicalTargets
from segmentation.service.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Make the Flask app.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment if not given.

    Returns
    -------
    Flask
        Models are loaded on first use, or by ``app.extensions["catalogue"].slot().load()``.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = Flask("segmentation", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect would be HTML
    metrics = ServiceCounters()
    catalogue = ServedModels(
        packages(settings), settings.default_study, settings.model_public_key, metrics.served
    )
    app.extensions["catalogue"] = catalogue
    problem_details.register(app)
    api = routes(catalogue, metrics, settings)
    api.register_blueprint(file_routes(catalogue, metrics, settings))
    app.register_blueprint(api)
    app.register_blueprint(docs_routes(catalogue, settings))
    app.register_blueprint(pages_routes())
    pages = Pages(app.wsgi_app, catalogue, settings)
    short_way = FastPath(pages, catalogue, metrics, settings)
    app.wsgi_app = RequestObserver(CanonicalTargets(short_way), metrics)  # type: ignore[assignment,method-assign]
    return app
