"""The API's own documentation: the OpenAPI document and Swagger UI, all files from this host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import orjson
from flask import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

from segmentation.artifact import Manifest
from segmentation.service.loading.served_models import ServedModels
from segmentation.service.request_body import JSON
from segmentation.service.settings import Settings

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Segmentation API</title>
<link rel="stylesheet" href="docs/css/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="docs/js/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", validatorUrl: null});\n'
# Swagger UI sets style attributes and draws its icons from data: URLs.
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

_ASSETS = ("css/swagger-ui.css", "js/swagger-ui-bundle.js")


def docs_routes(models: ServedModels, settings: Settings) -> Blueprint:
    """Return the documentation's routes."""
    docs = Blueprint("docs", __name__)

    documents: dict[tuple[str, ...], bytes] = {}

    def describe(manifests: Sequence[Manifest]) -> bytes:
        """Return the document, which is made once for the models that are served."""
        from segmentation.service import openapi

        versions = tuple(manifest.version for manifest in manifests)
        if versions not in documents:
            documents.clear()
            documents[versions] = orjson.dumps(openapi.document(manifests, settings))
        return documents[versions]

    @docs.get("/openapi.json")
    def openapi_document() -> Response:
        first = models.find().get().manifest
        further = [served.manifest() for served in models if served.study != models.default]
        manifests = [first, *(manifest for manifest in further if manifest)]
        return Response(describe(manifests), content_type=JSON)

    @docs.get("/docs")
    def page() -> Response:
        headers = {"Content-Security-Policy": _POLICY}
        return Response(_PAGE, headers=headers, content_type="text/html; charset=utf-8")

    @docs.get("/docs/start.js")
    def start() -> Response:
        return Response(_START, content_type="text/javascript; charset=utf-8")

    @docs.get("/docs/<path:name>")
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise NotFound
        return send_from_directory(_assets(), name, max_age=3600)

    return docs


@cache
def _assets() -> Path:
    """Return the folder of Swagger UI's files, without importing the package they come in."""
    spec = find_spec("flask_openapi3_swagger")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("flask-openapi3-swagger is not installed")
    return Path(spec.submodule_search_locations[0]) / "templates" / "swagger"
