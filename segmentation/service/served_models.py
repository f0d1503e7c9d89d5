"""The place in a process where its model is: loaded once, after the fork, good or bad."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from segmentation.errors import NotReadyError, PackageError
from segmentation.runtime import Manifest, Model
from segmentation.runtime.answers import ModelName
from segmentation.runtime.cards import StudyCard

logger = logging.getLogger(__name__)


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
        None until it is loaded, and for ever if it can't be.
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

    def load(self) -> None:
        """Load the model unless that was tried already; never raises for a bad package."""
        with self._lock:
            if self.model or self._reason:
                return
            try:
                self.model = self._loaded()
            except PackageError as error:
                self._reason = str(error)
                logger.error("model of %s refused: %s", self.study, error)  # noqa: TRY400  # the reason says it all
            else:
                logger.info("model loaded: %(study)s %(version)s", self.model.name)
                self._on_load(self.model.name)

    def _loaded(self) -> Model:
        model = Model.load(self._path, self._public_key)
        found = model.name["study"]
        if found != self.study:
            raise PackageError(f"{self._path}: holds the study {found}, not {self.study}")
        return model

    def card(self, default: str) -> StudyCard:
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
                "segments": [{"id": one.id, "name": one.name} for one in manifest.segments],
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
