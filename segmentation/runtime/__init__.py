"""The run side's core: a verified package that answers records. No HTTP, no pandas, no fitting."""

from segmentation.runtime.model import Model

__all__ = ["Model"]
