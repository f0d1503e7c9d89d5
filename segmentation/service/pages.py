"""The marketing team's pages below /pages, made when the first of them is asked for.

Dash can't be added to a Flask app that has answered a request, it takes a second and some ten
megabytes, and it must not be there before the fork: so it is an app of its own, in the same
process, over the same models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from threading import Lock
from typing import Any

from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from segmentation.dashboard.addresses import ROOT as PAGES
from segmentation.errors import UnavailableError
from segmentation.service import problem_details
from segmentation.service.loading.served_models import ServedModels
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import Environment

LIBRARIES = ("dash", "dash_ag_grid", "dash_mantine_components")

WsgiApp = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]


def pages_are_here() -> bool:
    """Return whether the libraries of the pages are installed, without importing them."""
    return all(find_spec(library) for library in LIBRARIES)


def pages_routes() -> Blueprint:
    """Return what Flask answers about pages: the way to them, or why there are none."""
    routes = Blueprint("pages", __name__)
    installed = pages_are_here()

    @routes.get("/")
    def home() -> Response:
        return redirect("pages/" if installed else "docs")

    if installed:
        routes.get("/pages")(home)
        return routes

    @routes.route("/pages", methods=["GET", "POST"])
    @routes.route(PAGES, methods=["GET", "POST"])
    @routes.route(f"{PAGES}<path:_name>", methods=["GET", "POST"])
    def lack(_name: str = "") -> Response:
        raise UnavailableError.without("Pages", "pages")

    return routes


class Pages:
    """A WSGI app that leaves what is below /pages to the pages and passes the rest on.

    Parameters
    ----------
    app : callable
        The WSGI app of Flask.
    models : ServedModels
    settings : Settings
    """

    def __init__(self, app: WsgiApp, models: ServedModels, settings: Settings) -> None:
        self._app = app
        self._models = models
        self._most_bytes = settings.max_body_bytes
        self._longest_file = settings.max_file_bytes
        self._here = pages_are_here()
        self._lock = Lock()
        self._pages: WsgiApp | None = None

    def __call__(self, environment: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if self._here and environment["PATH_INFO"].startswith(PAGES):
            return (self._pages or self._make())(environment, start)
        return self._app(environment, start)

    def _make(self) -> WsgiApp:
        """Make the pages, once for all threads."""
        with self._lock:
            if self._pages is None:
                from segmentation.dashboard.app import create_pages

                pages = create_pages(self._models, self._longest_file)
                pages.config["MAX_CONTENT_LENGTH"] = self._most_bytes
                problem_details.register(pages)
                # Dash gives out only scripts that a document of its own has named, and with
                # several workers a document and its scripts come from different ones.
                pages.test_client().get(PAGES)
                self._pages = pages
            return self._pages
