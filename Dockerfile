# The service and, with `python train.py` as the command, its training.
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.txt /tmp/
# The environment itself has no pip. Libraries bring their tests, which nobody runs here; only
# numpy.testing, which scipy imports, needs one of numpy's.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes --no-cache-dir --no-compile \
        -r /tmp/requirements.txt \
    && find /opt/venv -type d \( -name tests -o -path '*/onnx/backend/test' \) \
        -not -path '*/numpy/_core/tests' -prune -exec rm -r {} + \
    && python -m compileall -q -j 0 /opt/venv
COPY predict.py train.py gunicorn.conf.py model.bin /app/
COPY models/ /app/models/
COPY data/ /app/data/
COPY segmentation/ /app/segmentation/
# Whatever the modes of the checkout: everybody may read, nobody but root may write.
RUN chmod -R u=rwX,go=rX /app && python -m compileall -q /app

FROM python:${PYTHON_VERSION}-slim
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# One thread for each library: the workers are what runs in parallel.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORT=9696 \
    WEB_CONCURRENCY=2 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="segmentation" \
      org.opencontainers.image.description="Customer segmentation as a service: a survey record in, a named segment and what to do about it out." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A number, so that Kubernetes' runAsNonRoot can see that it is not root. Any other does as well.
USER 10001:10001
EXPOSE 9696
# On Fargate a volume is root's, with mode 0755, unless the image declares one at its path.
VOLUME ["/tmp"]
STOPSIGNAL SIGTERM
# gunicorn reads gunicorn.conf.py, which is in the working directory.
CMD ["gunicorn", "predict:app"]
# http.client, unlike urllib, sends nothing through a proxy that the environment may name.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-IS", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
