"""gunicorn's settings: ``gunicorn predict:app`` and ``python predict.py`` both read them."""

import ctypes
import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path

# Before numpy and ONNX Runtime are loaded: their thread pools would only fight the workers.
for _library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

from segmentation.errors import SegmentationError  # noqa: E402
from segmentation.service.observability.counter_files import (  # noqa: E402
    count_where_there_is_room,
    merge_ended,
)
from segmentation.service.observability.logs import JsonLogger  # noqa: E402
from segmentation.service.settings import Settings  # noqa: E402

try:
    _settings = Settings.from_environment(os.environ)
except SegmentationError as _error:
    raise SystemExit(f"segmentation: {_error}") from None
# Memory, not disk, where there is such a folder: heartbeats and counters survive a read-only root.
_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # nosec B108  # only our own files

# Folders of this run of the service: the workers' counters, for which prometheus_client looks when
# it is imported, and packages that were proved. This file is read again at every reload; they stay.
_FOLDERS = {
    "PROMETHEUS_MULTIPROC_DIR": "segmentation-metrics-",
    "SEGMENTATION_PACKAGES_DIR": "segmentation-packages-",
}
for _name, _prefix in _FOLDERS.items():
    if _name not in os.environ:
        os.environ[_name] = tempfile.mkdtemp(prefix=_prefix, dir=_memory)


def _forget_folders():
    """Remove the folders, if they are ones that we made."""
    for name, prefix in _FOLDERS.items():
        folder = Path(os.environ[name])
        if folder.name.startswith(prefix):
            shutil.rmtree(folder, ignore_errors=True)


def _leave(_signal, _frame):
    """End at once: nothing has begun, and libraries may be half imported."""
    _forget_folders()
    os._exit(0)


# Process 1 of a container does not hear a signal that it has no handler for. gunicorn has its own
# as soon as all is imported; at a reload, when this file is read again, they are there.
if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
    signal.signal(signal.SIGTERM, _leave)

# One malloc arena, trimmed early: with one for each thread a worker keeps 10 to 25 MB more after
# requests of 10,000 records (``make bench`` prints what it keeps). Python has one lock anyway.
_libc = ctypes.CDLL(None)
if hasattr(_libc, "mallopt"):  # glibc
    _libc.mallopt(-8, 1)  # M_ARENA_MAX
    _libc.mallopt(-1, 131_072)  # M_TRIM_THRESHOLD, in bytes

wsgi_app = "predict:app"
bind = f"0.0.0.0:{_settings.port}"
workers = _settings.web_concurrency
worker_class = "segmentation.service.event_loop_worker.EventLoopWorker"
# Of gunicorn's own workers, which the app also runs under; ours reads the settings itself.
threads = _settings.threads
keepalive = _settings.keep_alive
graceful_timeout = _settings.graceful_timeout
timeout = 60
loglevel = _settings.log_level
logger_class = JsonLogger
accesslog = "-"
worker_tmp_dir = _memory
# The workers share the pages of everything that is imported; models are loaded after the fork.
preload_app = True
# For gunicorn's own workers, too: what is sent by it is not counted.
sendfile = False
# By default a peer at 127.0.0.1 may say in a header, SCRIPT_NAME, how much of the path is not to be
# looked at: the service would then see another path than the proxy in front did.
forwarder_headers = ""
# It would need a writable home and nobody here talks to it.
control_socket_disable = True


def post_fork(server, worker):
    """Leave the worker what it is sent before it listens."""
    worker.unheard = server.SIG_QUEUE


def post_worker_init(worker):
    """Get ready before the first request."""
    count_where_there_is_room()
    models = worker.app.wsgi().extensions.get("models")  # the benchmark's empty app has none
    if models:
        from segmentation.service.loading.prover import fork_prover

        memory = Path(os.environ["SEGMENTATION_PACKAGES_DIR"])
        models.prove_with(fork_prover(), memory, _settings.last_good_dir)
        served = models.find()
        served.load()
        # Once, by the last of the workers that start together: it is the last line of the start.
        if served.model and worker.age == worker.cfg.workers:
            worker.log.info("ready: open http://localhost:%d/ in a browser", _settings.port)
    # What is there now stays: the collector need not walk through it again. Requests leave next to
    # nothing to it, so it need not look after every 700 new objects, either.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def child_exit(server, worker):  # noqa: ARG001  # gunicorn's signature
    """Keep the counts of a worker that is gone, in fewer files; not its gauges."""
    merge_ended(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]))


def on_exit(server):  # noqa: ARG001
    """Leave nothing behind."""
    _forget_folders()
