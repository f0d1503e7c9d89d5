"""How a package's ONNX part is run, on both sides: what packing proves is what the service does."""

from __future__ import annotations

import os
from typing import Any


def open_session(onnx: bytes) -> Any:
    """Return an ONNX Runtime session on one thread.

    Make it after a fork, never before. Even importing ONNX Runtime starts a thread: a process
    that was forked later ends with SIGABRT, because it waits for a thread that it doesn't have.

    Parameters
    ----------
    onnx : bytes
        A verified ONNX model.

    Returns
    -------
    onnxruntime.InferenceSession
    """
    # Since 1.31 it would report sessions to its maker; the variable is read at import.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One record takes microseconds; a second thread would only fight the other workers.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
