"""Probabilities from numbers: the ONNX part of a package, on one thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Package


class Scorer:
    """An ONNX Runtime session.

    Make it after a fork, never before. Even importing ONNX Runtime starts a thread: a process
    that was forked later ends with SIGABRT, because it waits for a thread that it doesn't have.

    Parameters
    ----------
    package : Package
        A verified package.
    """

    def __init__(self, package: Package) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One record takes microseconds; a second thread would only fight the other workers.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            package.scorer, options, providers=["CPUExecutionProvider"]
        )
        self._input = package.manifest.scorer.input
        self._outputs = [package.manifest.scorer.output]

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each segment, of shape (n_samples, n_segments).

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_features), float32
            NaN where an answer is missing.
        """
        found: NDArray[np.float32] = self._session.run(self._outputs, {self._input: features})[0]
        return found
