"""The studies, one readable file each. Only the build side imports them.

A file that is put here is a study: every ``Study`` that a module of this package defines is known
by its name. ``docs/new-study.md`` walks through one.
"""

from importlib import import_module
from pkgutil import iter_modules

from segmentation.study import Study


def _find_studies() -> dict[str, Study]:
    modules = [
        import_module(f"{__name__}.{iter_module.name}") for iter_module in iter_modules(__path__)
    ]
    values = [value for module in modules for value in vars(module).values()]
    return {value.name: value for value in values if isinstance(value, Study)}


STUDIES = _find_studies()
# Its package is model.bin; those of the others are in the folder models.
DEFAULT_STUDY = "mobile"
