"""The models that a process serves: which studies, from which files, and each model in its place.

A model is loaded once, after the fork, when its study is first asked for. One that can't be loaded
is tried again when its file has changed: it may have been read while it was being copied.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock

from segmentation.errors import NotReadyError, PackageError, UnknownStudyError
from segmentation.runtime import Manifest, Model
from segmentation.runtime.answers import ModelName
from segmentation.runtime.cards import StudyCard
from segmentation.runtime.known_tables import KnownTables
from segmentation.service.settings import Settings

logger = logging.getLogger(__name__)

SUFFIX = ".bin"

FileState = tuple[int, int, int] | None
"""What tells one state of a file from another; None where there is no file."""


class ServedModel:
    """Loads a model package on first use and keeps it, or the reason why it can't be used.

    A bad package doesn't end the process: it stays live, answers 503 and says why, so that an
    operator can look at it and a load balancer keeps it out.

    Parameters
    ----------
    study : str
        The study that the package must be of.
    path : Path
    public_key : str or None
    on_load : callable
        Told which model was loaded.

    Attributes
    ----------
    study : str
    model : Model or None
        None until it is loaded.
    """

    def __init__(
        self,
        study: str,
        path: Path,
        public_key: str | None,
        on_load: Callable[[ModelName], None],
    ) -> None:
        self.study = study
        self._on_load = on_load
        self._path = path
        self._public_key = public_key
        self._lock = Lock()
        self.model: Model | None = None
        self._reason: str | None = None
        self._refused: FileState = None

    def load(self) -> None:
        """Load the model unless that was tried already; never raises for a bad package."""
        with self._lock:
            if self.model or (self._reason and _look_at(self._path) == self._refused):
                return
            self._refused = _look_at(self._path)
            try:
                self.model = self._read()
            except PackageError as error:
                self._refuse(str(error))
            except Exception as error:  # whatever a package brings about, it is the package's fault
                logger.exception("model of %s", self.study)
                self._refuse(f"{self._path}: cannot be loaded: {type(error).__name__}")
            else:
                logger.info("model loaded: %(study)s %(version)s", self.model.name)
                self._on_load(self.model.name)

    def _refuse(self, reason: str) -> None:
        self._reason = reason
        logger.error("model of %s refused: %s", self.study, reason)

    def _read(self) -> Model:
        model = Model.load(self._path, self._public_key)
        study = model.name["study"]
        if study != self.study:
            raise PackageError(f"{self._path}: holds the study {study}, not {self.study}")
        return model

    def describe(self, default: str) -> StudyCard:
        """Describe the study, loaded for it; one that can't be says why."""
        self.load()
        card: StudyCard = {
            "name": self.study,
            "default": self.study == default,
            "ready": self.model is not None,
        }
        if self.model is None:
            card["reason"] = self._reason or ""
        else:
            manifest = self.model.manifest
            card |= {
                "title": manifest.title,
                "description": manifest.description,
                "version": manifest.version,
                "segments": [
                    {"id": segment.id, "name": segment.name} for segment in manifest.segments
                ],
            }
        return card

    def manifest(self) -> Manifest | None:
        """Return the model card, or None if there is no model."""
        self.load()
        return self.model.manifest if self.model else None

    def get(self) -> Model:
        """Return the model.

        Raises
        ------
        NotReadyError
            With the reason why there is none.
        """
        if self.model is None:
            self.load()
        if self.model is None:
            raise NotReadyError(f"No model of {self.study} is served. {self._reason}")
        return self.model


class ServedModels:
    """The models of all studies.

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
        self._known_tables: dict[str, KnownTables] = {}
        self._models = {
            study: ServedModel(study, path, public_key, on_load) for study, path in packages.items()
        }

    def __iter__(self) -> Iterator[ServedModel]:
        """Yield them, the default study's first."""
        yield self._models[self.default]
        yield from (served for name, served in self._models.items() if name != self.default)

    def known_tables(self, manifest: Manifest) -> KnownTables:
        """Return the tables that are known where records of a served model are read.

        The other models are loaded where columns must be recognised, and not before.
        """

        def list_further() -> list[Manifest]:
            further = [served.manifest() for served in self if served.study != manifest.study]
            return [manifest for manifest in further if manifest]

        return self._known_tables.setdefault(manifest.study, KnownTables(manifest, list_further))

    def find(self, study: str | None = None) -> ServedModel:
        """Return the served model of a study, or of the default one.

        Raises
        ------
        UnknownStudyError
            If there is no such study.
        """
        served = self._models.get(self.default if study is None else study)
        if served is None:
            raise UnknownStudyError(f"There is no such study; there are {', '.join(self._models)}.")
        return served


def _look_at(path: Path) -> FileState:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def find_packages(settings: Settings) -> dict[str, Path]:
    """Return where the package of each study is.

    ``NAME.bin`` in the folder of models is the study NAME. MODEL_PATH is the default study. Where
    that is in the folder, a file at MODEL_PATH is the study that is the default unless said.
    """
    packages = {path.stem: path for path in sorted(settings.models_dir.glob(f"*{SUFFIX}"))}
    if settings.default_study not in packages:
        return {settings.default_study: settings.model_path} | packages
    usual = str(Settings.model_fields["default_study"].default)
    default = {usual: settings.model_path} if settings.model_path.exists() else {}
    return default | packages
