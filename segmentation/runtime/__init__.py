"""The run side's core: a verified package that answers records. No HTTP, no pandas, no fitting."""

from segmentation.artifact import Manifest
from segmentation.artifact.clusters import MapPlace, SegmentMap
from segmentation.artifact.metrics import Confusion, Measure, Metric
from segmentation.runtime.model import Model

__all__ = ["Confusion", "Manifest", "MapPlace", "Measure", "Metric", "Model", "SegmentMap"]
