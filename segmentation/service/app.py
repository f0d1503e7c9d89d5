"""``create_app``: puts the parts of the service together."""

from __future__ import annotations

import os

from flask import Flask

from segmentation.service import problem_details
from segmentation.service.api_docs import docs_routes
from segmentation.service.api_routes import make_api
from segmentation.service.compression import Compression
from segmentation.service.file_routes import make_file_api
from segmentation.service.loading.served_models import ServedModels, find_packages, make_trust
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
        Models are loaded on first use, or by ``app.extensions["models"].find().load()``.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = Flask("segmentation", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect would be HTML
    counters = ServiceCounters()
    models = ServedModels(
        find_packages(settings), settings.default_study, make_trust(settings), counters.served
    )
    app.extensions |= {"models": models, "counters": counters}
    problem_details.register(app)
    api = make_api(models, counters, settings)
    api.register_blueprint(make_file_api(models, counters, settings))
    app.register_blueprint(api)
    app.register_blueprint(docs_routes(models, settings))
    app.register_blueprint(pages_routes())
    pages = Pages(app.wsgi_app, models, settings)
    answers = Compression(CanonicalTargets(pages))
    app.wsgi_app = RequestObserver(answers, counters)  # type: ignore[assignment,method-assign]
    return app
