# The service. The last target, which is the default, has everything: the API, the pages,
# explanations and, with `python train.py` as the command, training. `--target serve` has the API.
ARG PYTHON_VERSION=3.13
# A release pins it: --build-arg BASE=python:3.13-slim@sha256:…
ARG BASE=python:${PYTHON_VERSION}-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The environment itself has no pip. The locks are complete (tests/test_locks.py): nothing is resolved.
RUN python -m venv --without-pip /opt/venv
COPY scripts/slim.py scripts/precompile.py ./

FROM build AS serve-packages
COPY requirements-serve.txt ./
RUN pip --python /opt/venv/bin/python install --no-deps --require-hashes --no-cache-dir --no-compile \
        -r requirements-serve.txt \
    && python slim.py /opt/venv/lib/python*/site-packages \
    && /opt/venv/bin/python precompile.py

FROM build AS packages
COPY requirements.txt ./
RUN pip --python /opt/venv/bin/python install --no-deps --require-hashes --no-cache-dir --no-compile \
        -r requirements.txt \
    && python slim.py /opt/venv/lib/python*/site-packages \
    && /opt/venv/bin/python precompile.py

# Whatever the modes of the checkout: everybody may read, nobody but root may write.
FROM build AS code
COPY predict.py gunicorn.conf.py /code/
COPY segmentation/ /code/segmentation/
RUN chmod -R u=rwX,go=rX /code && python -m compileall -q -s /code -p /app /code

FROM build AS training
COPY train.py /training/
COPY data/ /training/data/
RUN chmod -R u=rwX,go=rX /training

FROM build AS models
COPY model.bin /models/
COPY models/ /models/models/
# Nobody else's pipeline is unpickled here, unless it is signed (UNPICKLE_UNSIGNED below).
WORKDIR /models
RUN sha256sum model.bin models/*.bin > packages.sha256 && chmod -R u=rwX,go=rX /models

FROM ${BASE} AS runtime
# One thread for each library: the workers are what runs in parallel.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORT=9696 \
    WEB_CONCURRENCY=2 \
    UNPICKLE_UNSIGNED=false \
    BUILT_IN_PACKAGES=/app/packages.sha256 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
LABEL org.opencontainers.image.title="segmentation" \
      org.opencontainers.image.description="Customer segmentation as a service: a survey record in, a named segment and what to do about it out." \
      org.opencontainers.image.licenses="MIT"
EXPOSE 9696
# On Fargate a volume is root's, with mode 0755, unless the image declares one at its path.
VOLUME ["/tmp"]
STOPSIGNAL SIGTERM
# gunicorn reads gunicorn.conf.py, which is in the working directory.
CMD ["gunicorn", "predict:app"]
# http.client, unlike urllib, sends nothing through a proxy that the environment may name.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-IS", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]

# What changes seldom is below: a new model is a small layer on top. The user is a number, so that
# Kubernetes' runAsNonRoot can see that it is not root; any other does as well.
FROM runtime AS serve
COPY --from=serve-packages /opt/venv /opt/venv
COPY --from=code /code /app
COPY --from=models /models /app
WORKDIR /app
USER 10001:10001
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM runtime AS full
COPY --from=packages /opt/venv /opt/venv
COPY --from=training /training /app
COPY --from=code /code /app
COPY --from=models /models /app
WORKDIR /app
USER 10001:10001
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
