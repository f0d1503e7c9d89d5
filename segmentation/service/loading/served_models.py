"""The models that a process serves: which studies, from which files, and each model in its place.

A model is loaded after the fork, when its study is first asked for, and again when its file has
changed: a bad file, half copied perhaps, is tried again when it is another one, and until then the
last good model goes on serving. Where packages are proved is ``prover``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event, Lock, Thread

from segmentation.artifact import Trust
from segmentation.errors import (
    NotReadyError,
    PackageError,
    SegmentationError,
    UnknownStudyError,
)
from segmentation.runtime import Manifest, Model
from segmentation.runtime.answers import ModelName
from segmentation.runtime.cards import StudyCard
from segmentation.runtime.known_tables import KnownTables
from segmentation.service.loading.last_good import LastGood
from segmentation.service.loading.prover import NoProofError, Proofs, Prove, prove_here
from segmentation.service.settings import Settings

logger = logging.getLogger(__name__)

SUFFIX = ".bin"
# Seconds between two looks at the files.
_INTERVAL = 2.0
# Seconds after which a package is tried again that could not be tried to its end.
_AGAIN = 60.0
# Seconds, from its beginning, that requests wait for a model that is being loaded.
_PATIENCE = 10.0

_LOADING = "It is being loaded."

FileState = tuple[int, int, int] | None
"""What tells one state of a file from another; None where there is no file."""
_NEVER: FileState = (-1, -1, -1)

OnChange = Callable[[str, ModelName | None, ModelName | None, bool], None]
"""Told a study, the model that was served, the one that is, and whether its file is refused."""


class PackageLoader:
    """Loads packages that were proved, and the last good one in place of a bad one.

    Parameters
    ----------
    trust : Trust
        What is asked of packages.
    proofs : Proofs
    last_good : LastGood
    """

    def __init__(self, trust: Trust, proofs: Proofs, last_good: LastGood) -> None:
        self._trust = trust
        self._proofs = proofs
        self._last_good = last_good

    def load(self, study: str, path: Path) -> Model:
        """Load a package, and keep it as the last good one.

        Raises
        ------
        PackageError
            With the reason, if it must not be served.
        """
        trust = self._trust.not_before(self._last_good.read_sequence(study, self._trust))
        proof = self._proofs.prove(path, trust)
        if proof.study != study:
            raise PackageError(f"{path}: holds the study {proof.study}, not {study}")
        model = Model.load(path, trust)
        if (model.sha256, model.name["study"]) != (proof.sha256, study):
            raise NoProofError(f"{path}: has changed while it was read")
        self._last_good.keep(path, proof)
        return model

    def load_last_good(self, study: str) -> Model | None:
        """Load the last good package of a study, if there is one."""
        path = self._last_good.find(study)
        try:
            return self.load(study, path) if path else None
        except PackageError as error:
            logger.error("the last good model of %s cannot be used: %s", study, error)  # noqa: TRY400  # where, is known
            return None


class ServedModel:
    """The model of one study, or the reason why there is none.

    A bad package ends nothing: where no earlier one is good, its study answers 503 and says why, so
    that an operator can look at it and a load balancer keeps it out.

    Parameters
    ----------
    study : str
        The study that the package must be of.
    path : Path
    loader : PackageLoader
    on_change : callable

    Attributes
    ----------
    study : str
    model : Model or None
        None until it is loaded.
    reason : str or None
        Why its file, as it is now, is not what is served.
    """

    def __init__(self, study: str, path: Path, loader: PackageLoader, on_change: OnChange) -> None:
        self.study = study
        self.loader = loader
        self._path = path
        self._on_change = on_change
        self._lock = Lock()
        self.model: Model | None = None
        self.reason: str | None = None
        self._tried = _NEVER
        self._again_at = float("inf")
        self._starting = Lock()
        self._loading: Event | None = None
        self._loading_since = 0.0

    def load(self) -> None:
        """Load the model unless its file, as it is, was tried already; never raises."""
        with self._lock:
            if not self.is_due():
                return
            state, before, self._again_at = _look_at(self._path), self.model, float("inf")
            try:
                self._serve(self._read())
            except PackageError as error:
                if isinstance(error, NoProofError):
                    self._again_at = time.monotonic() + _AGAIN
                self._refuse(str(error))
            self._tried = state
            self._on_change(
                self.study,
                before.name if before else None,
                self.model.name if self.model else None,
                self.reason is not None,
            )

    def is_due(self) -> bool:
        """Whether the file is another one than was tried, or ought to be tried again."""
        return time.monotonic() > self._again_at or _look_at(self._path) != self._tried

    def is_asked_for(self) -> bool:
        """Whether anybody has asked for the model yet."""
        return self._tried != _NEVER

    def _read(self) -> Model:
        try:
            return self.loader.load(self.study, self._path)
        except PackageError:
            raise
        except Exception as error:  # whatever a package brings about, it is the package's fault
            logger.exception("model of %s", self.study)
            reason = f"{self._path}: cannot be loaded: {type(error).__name__}"
            raise PackageError(reason) from None

    def _serve(self, model: Model) -> None:
        self.reason = None
        if self.model is None or self.model.sha256 != model.sha256:
            self.model = model
            logger.info("model loaded: %(study)s %(version)s", model.name)

    def _refuse(self, reason: str) -> None:
        self.reason = reason
        logger.error("model of %s refused: %s", self.study, reason)
        if self.model is None:
            self.model = self.loader.load_last_good(self.study)
        if self.model:
            logger.warning("the last good model serves: %(study)s %(version)s", self.model.name)

    def load_beside(self) -> Event:
        """Load in a thread of its own, unless that is being done; return what is set at its end."""
        with self._starting:
            if self._loading is None or self._loading.is_set():
                self._loading, self._loading_since = Event(), time.monotonic()
                Thread(target=self._load_and_say, args=(self._loading,), daemon=True).start()
            return self._loading

    def _load_and_say(self, loaded: Event) -> None:
        try:
            self.load()
        finally:
            loaded.set()

    def find(self) -> Model | None:
        """Return the model; one that nobody has asked for yet is waited for, but not for long."""
        if self.model is None and self.is_due():
            loaded = self.load_beside()
            loaded.wait(max(0.0, self._loading_since + _PATIENCE - time.monotonic()))
        return self.model

    def describe(self, default: str) -> StudyCard:
        """Describe the study, loaded for it; one whose file is not what is served says why."""
        model = self.find()
        card: StudyCard = {
            "name": self.study,
            "default": self.study == default,
            "ready": model is not None,
        }
        if model is not None:
            manifest = model.manifest
            card |= {
                "title": manifest.title,
                "description": manifest.description,
                "version": manifest.version,
                "segments": [
                    {"id": segment.id, "name": segment.name} for segment in manifest.segments
                ],
            }
        if model is None or self.reason:
            card["reason"] = self.reason or _LOADING
        return card

    def manifest(self) -> Manifest | None:
        """Return the model card, or None if there is no model."""
        model = self.find()
        return model.manifest if model else None

    def get(self) -> Model:
        """Return the model.

        Raises
        ------
        NotReadyError
            With the reason why there is none.
        """
        model = self.model or self.find()
        if model is None:
            reason = self.reason or _LOADING
            raise NotReadyError(f"No model of {self.study} is served. {reason}")
        return model


class ServedModels:
    """The models of all studies.

    Parameters
    ----------
    packages : mapping of str to Path
        Model package of each study.
    default : str
        The study that is meant where none is named.
    trust : Trust
        What is asked of packages.
    on_change : callable
        Told when other models are served, or files refused.

    Attributes
    ----------
    default : str
    """

    def __init__(
        self,
        packages: Mapping[str, Path],
        default: str,
        trust: Trust,
        on_change: OnChange,
    ) -> None:
        self.default = default
        self._trust = trust
        self._on_change = on_change
        self._known_tables: dict[str, KnownTables] = {}
        loader = PackageLoader(trust, Proofs(prove_here, None), LastGood(None))
        self._models = {
            study: ServedModel(study, path, loader, self._note_change)
            for study, path in packages.items()
        }

    def prove_with(self, prove: Prove, memory: Path, last_good: Path | None) -> None:
        """Have packages proved elsewhere, and keep the good ones.

        Parameters
        ----------
        prove : callable
            As `fork_prover` returns it.
        memory : Path
            A folder that lasts as long as the service.
        last_good : Path or None
            Where the last good packages are kept; also in `memory` if None.
        """
        proofs = Proofs(prove, memory / "proved")
        loader = PackageLoader(self._trust, proofs, LastGood(last_good or memory / "last-good"))
        for served in self:
            served.loader = loader

    def watch(self) -> None:
        """Look from time to time, in a thread of its own, whether files have changed."""
        Thread(target=self._watch, name="models", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            for served in self:
                if served.is_asked_for() and served.is_due():
                    served.load_beside()

    def _note_change(
        self, study: str, before: ModelName | None, now: ModelName | None, is_refused: bool
    ) -> None:
        self._known_tables.clear()
        self._on_change(study, before, now, is_refused)

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

        tables = self._known_tables.get(manifest.study)
        if tables is None:
            tables = self._known_tables[manifest.study] = KnownTables(manifest, list_further)
        return tables

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


def make_trust(settings: Settings) -> Trust:
    """Return what is asked of packages.

    Raises
    ------
    SegmentationError
        If the file of digests can't be read.
    """
    return Trust(
        settings.model_public_key,
        settings.model_least_sequence,
        settings.unpickle_unsigned,
        _read_digests(settings.built_in_packages),
    )


def _read_digests(path: Path | None) -> frozenset[str]:
    """Return the digests in a file as ``sha256sum`` writes it."""
    if path is None:
        return frozenset()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SegmentationError(f"BUILT_IN_PACKAGES: {type(error).__name__}") from None
    return frozenset(line.split(maxsplit=1)[0] for line in lines if line.strip())
