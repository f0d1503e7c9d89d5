"""The run side's core: a verified package that answers records. No HTTP, no pandas, no fitting."""

from segmentation.artifact import Manifest
from segmentation.runtime.model import Model

__all__ = ["Manifest", "Model"]
