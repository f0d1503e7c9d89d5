"""The service: ``gunicorn predict:app``, or ``python predict.py``, which does just that."""

if __name__ == "__main__":
    import sys

    from gunicorn.app.wsgiapp import run

    # The app is imported by gunicorn, after its settings: they say where counters are kept.
    sys.argv = ["gunicorn", "predict:app"]
    sys.exit(run())
else:
    from segmentation.service.app import create_app

    app = create_app()
