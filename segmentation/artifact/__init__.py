"""The model package, ``model.bin``: written by the build side, verified and read by the run side.

``manifest`` says what a package tells about itself, ``package`` is the file, ``signature`` says who
made it and ``session`` how its ONNX part is run. Nothing here fits or answers.
"""

from segmentation.artifact.manifest import Manifest
from segmentation.artifact.onnx_session import open_session
from segmentation.artifact.package import Package, read_package, write_package

__all__ = ["Manifest", "Package", "open_session", "read_package", "write_package"]
