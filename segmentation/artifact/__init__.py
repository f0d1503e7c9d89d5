"""The model package, ``model.bin``: written by the build side, verified and read by the run side.

``manifest`` says what a package tells about itself, ``package`` is the file and ``signature``
says who made it. Nothing here fits or scores.
"""

from segmentation.artifact.manifest import Manifest
from segmentation.artifact.package import Package, read_package, write_package

__all__ = ["Manifest", "Package", "read_package", "write_package"]
