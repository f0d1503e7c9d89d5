"""gunicorn's settings of the service, with a collector that only looks when it is asked to.

SIGRTMIN makes each process of a worker write what only the collector would have freed into the
folder GARBAGE_FOLDER: the module and the name of each object's type, as JSON, in a file named after
the process.
"""

import gc
import json
import os
import signal
from pathlib import Path

from tests.support.shipped import ROOT

SHIPPED = ROOT / "gunicorn.conf.py"
exec(compile(SHIPPED.read_text(), SHIPPED, "exec"))  # noqa: S102  # as gunicorn reads it
_get_ready = post_worker_init  # noqa: F821  # what has just been executed


def _write_garbage(*_: object) -> None:
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    names = [f"{type(item).__module__}.{type(item).__qualname__}" for item in gc.garbage]
    gc.garbage.clear()
    gc.collect()
    file = Path(os.environ["GARBAGE_FOLDER"], str(os.getpid()))
    part = file.with_suffix(".part")
    part.write_text(json.dumps(names))
    part.rename(file)


def post_worker_init(worker):
    """Get ready, and collect no garbage from now on."""
    signal.signal(signal.SIGRTMIN, _write_garbage)  # for those that are forked here, too
    _get_ready(worker)
    gc.disable()
