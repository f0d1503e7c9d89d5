"""Imports what the service imports of others, so that its bytecode is in the image.

A read-only root keeps none. Compiling everything would take 40 MB more: what only training needs
is compiled whenever it is imported, in every run.
"""

from __future__ import annotations

from importlib import import_module

API = (
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.serialization",
    "flask",
    "gunicorn.app.wsgiapp",
    "gunicorn.glogging",
    "gunicorn.workers.base",
    "httptools",
    "jiter",
    "numpy.typing",
    "onnxruntime",
    "orjson",
    "prometheus_client.multiprocess",
    "pydantic.dataclasses",
    "pydantic.main",
    "pydantic.plugin._loader",
    "pydantic.type_adapter",
    "uvloop",
)
# What other installations have, all or none.
MORE = (
    "dash",
    "dash_ag_grid",
    "dash_mantine_components",
    "duckdb",
    "plotly.io.json",
    "scipy.optimize",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.impute",
    "sklearn.pipeline",
)


def main() -> None:
    """Import what is installed."""
    for name in API:
        import_module(name)
    for name in MORE:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name.partition(".")[0]:
                raise


if __name__ == "__main__":
    main()
