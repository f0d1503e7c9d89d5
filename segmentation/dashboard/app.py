"""``create_pages``: the Dash app that shows the studies, as a WSGI app of its own below /pages."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output
from dash.development.base_component import Component
from dash.exceptions import DependencyException
from flask import Flask, Response, abort, request
from plotly.io.json import config as json_config
from werkzeug.exceptions import NotFound

from segmentation.dashboard import page_shell
from segmentation.dashboard.addresses import ROOT, PageAddress, ServedStudies, parse_address
from segmentation.dashboard.callback_requests import is_of_page
from segmentation.dashboard.pages import file_page, model_page, score_page, segments_page
from segmentation.errors import NotReadyError, UnknownStudyError

Children = list[Component]

_CALLBACK = f"{ROOT}_dash-update-component"


def create_pages(studies: ServedStudies, longest_file: int) -> Flask:
    """Make the app. It takes a second: do it when the first page is asked for.

    Parameters
    ----------
    studies : ServedStudies
        The studies that are shown, those that the API serves.
    longest_file : int
        Bytes that a file to be scored may have.
    """
    # The other engine asks pandas, if it is there, about every value: it breaks on one that another
    # thread, which is about to explain for the first time, has imported half.
    json_config.default_engine = "json"
    server = Flask(__name__, static_folder=None)
    app = Dash(
        __name__,
        server=server,  # type: ignore[arg-type]  # its annotation forgets the usual case
        url_base_pathname=ROOT,
        use_pages=False,
        serve_locally=True,
        enable_mcp=False,
        suppress_callback_exceptions=True,  # pages come and go with their questions
        index_string=page_shell.DOCUMENT,
        title=page_shell.NAME,
        update_title="",
        add_log_handler=False,
    )
    app.layout = page_shell.render_layout()
    _register_pages(app, studies, longest_file)
    _harden_responses(app, server)
    return server


def _register_pages(app: Dash, studies: ServedStudies, longest_file: int) -> None:
    @app.callback(
        Output("main", "children"),
        Output("pages", "children"),
        Output("studies", "children"),
        Input("url", "pathname"),
    )
    def show(path: str) -> tuple[Children, Children, Children]:
        content, place = render_page(studies, path or ROOT, longest_file)
        pages = page_shell.render_page_links(place, studies.default)
        return content, pages, page_shell.render_study_links(studies, place)

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("pages", "arrive"), Output("arrived", "title"), Input("main", "children")
    )
    segments_page.register(app, studies)
    score_page.register(app, studies)
    file_page.register(app)


def render_page(
    studies: ServedStudies, path: str, longest_file: int
) -> tuple[Children, PageAddress | None]:
    """Return what is at a path, or why it can't be shown, and which place it is, if it is one."""
    place = None
    try:
        place = parse_address(path, studies.default)
        model = studies.find(place.study).get()
    except (UnknownStudyError, NotReadyError) as error:
        return page_shell.render_missing(str(error), studies), place
    if place.segment:
        content = segments_page.render_one_page(model, place.segment)
        return content or page_shell.render_missing("There is no such segment.", studies), place
    if place.page == "file":
        return file_page.render_page(model, longest_file), place
    pages = {
        "segments": segments_page.render_page,
        "score": score_page.render_page,
        "model": model_page.render_page,
    }
    return pages[place.page](model), place


def _harden_responses(app: Dash, server: Flask) -> None:
    """Let a page run our scripts alone, and nobody frame it."""
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {' '.join(app.csp_hashes())}",
            # Mantine writes its theme, and React the lengths of bars, as styles in the page.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )

    @server.before_request
    def refuse_unknown_callbacks() -> None:
        """Answer 400 where Dash would stumble."""
        if request.path == _CALLBACK:
            try:
                body: Any = request.get_json()
            except RecursionError:
                body = None
            if not is_of_page(body, app.callback_map):
                abort(400, "This is not a question that a page asks.")

    @server.errorhandler(DependencyException)
    def refuse_unknown_script(_error: DependencyException) -> Response:
        """Answer 404 for a file that no page uses."""
        return server.make_response(server.handle_user_exception(NotFound()))

    @server.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        return response
