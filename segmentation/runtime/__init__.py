"""The run side's core: a verified package that answers records. No HTTP, no pandas, no fitting."""

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import Confusion, MapPlace, SegmentMap
from segmentation.runtime.model import Model

__all__ = ["Confusion", "Manifest", "MapPlace", "Model", "SegmentMap"]
