"""The service: ``gunicorn predict:app``, or ``python predict.py``, which does just that."""

if __name__ == "__main__":
    import os
    import sys

    from segmentation.errors import SegmentationError
    from segmentation.service.settings import Settings

    try:
        Settings.from_environment(os.environ)
    except SegmentationError as error:
        sys.exit(f"segmentation: {error}")

    # gunicorn imports the app, after its settings: they say where counters are kept.
    from gunicorn.app.wsgiapp import run

    sys.argv = ["gunicorn", "predict:app"]
    sys.exit(run())
else:
    from segmentation.service.app import create_app

    app = create_app()
