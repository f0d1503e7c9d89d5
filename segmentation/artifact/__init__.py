"""The model package, ``model.bin``: written by the build side, verified and read by the run side.

``manifest`` says what a package tells about itself, ``package`` is the file, ``seal`` and ``trust``
say who vouches for it and ``onnx_session`` how its ONNX part is run. Nothing here fits or answers.
"""

from segmentation.artifact.manifest import Manifest
from segmentation.artifact.onnx_session import open_session
from segmentation.artifact.package import Package, read_package, write_package
from segmentation.artifact.trust import ANYTHING, Trust

__all__ = [
    "ANYTHING",
    "Manifest",
    "Package",
    "Trust",
    "open_session",
    "read_package",
    "write_package",
]
