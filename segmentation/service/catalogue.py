"""Which studies are served, from which files: each loaded on first use, on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from segmentation.errors import UnknownStudyError
from segmentation.runtime.answers import ModelName
from segmentation.service.served_models import ServedModel
from segmentation.service.settings import Settings

SUFFIX = ".bin"


class ServedModels:
    """The slots of all studies.

    Parameters
    ----------
    packages : mapping of str to Path
        Model package of each study.
    default : str
        The study that is meant where none is named.
    public_key : str or None
    on_load : callable
        Told which model was loaded.

    Attributes
    ----------
    default : str
    """

    def __init__(
        self,
        packages: Mapping[str, Path],
        default: str,
        public_key: str | None,
        on_load: Callable[[ModelName], None],
    ) -> None:
        self.default = default
        self._slots = {
            study: ServedModel(study, path, public_key, on_load) for study, path in packages.items()
        }

    def __iter__(self) -> Iterator[ServedModel]:
        """Yield the slots, the default study's first."""
        yield self._slots[self.default]
        yield from (slot for name, slot in self._slots.items() if name != self.default)

    def slot(self, study: str | None = None) -> ServedModel:
        """Return the slot of a study, or of the default one.

        Raises
        ------
        UnknownStudyError
            If there is no such study.
        """
        found = self._slots.get(self.default if study is None else study)
        if found is None:
            raise UnknownStudyError(f"There is no such study; there are {', '.join(self._slots)}.")
        return found


def packages(settings: Settings) -> dict[str, Path]:
    """Return where the package of each study is.

    ``NAME.bin`` in the folder of models is the study NAME. MODEL_PATH is the default study. Where
    that is in the folder, a file at MODEL_PATH is the study that is the default unless said.
    """
    found = {path.stem: path for path in sorted(settings.models_dir.glob(f"*{SUFFIX}"))}
    if settings.default_study not in found:
        return {settings.default_study: settings.model_path} | found
    usual = str(Settings.model_fields["default_study"].default)
    there = {usual: settings.model_path} if settings.model_path.exists() else {}
    return there | found
