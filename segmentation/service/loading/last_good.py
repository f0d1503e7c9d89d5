"""Keeps the last good package of each study, which is served when its file is bad or gone.

The folder is the service's own. In memory it lasts as long as the service, through SIGHUP and the
death of its workers; elsewhere as long as the disk. What is kept is verified, and proved, like
every other package before it is served.
"""

from __future__ import annotations

import logging
from pathlib import Path

from segmentation.artifact import Trust
from segmentation.artifact.package import publish, read_file, read_sequence
from segmentation.artifact.seal import read_claim, read_seal
from segmentation.errors import PackageError
from segmentation.service.loading.prover import Proof

logger = logging.getLogger(__name__)

_SUFFIX = ".bin"


class LastGood:
    """The last good package of each study.

    Parameters
    ----------
    folder : Path or None
        Made when something is kept; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, study: str) -> Path | None:
        """Return where the last good package of a study is, if there is one."""
        path = self._folder / f"{study}{_SUFFIX}" if self._folder else None
        return path if path and path.exists() else None

    def read_sequence(self, study: str, trust: Trust) -> int:
        """Return the sequence of the last good package, 0 if there is none that is trusted."""
        path = self.find(study)
        return read_sequence(path, trust) if path else 0

    def keep(self, path: Path, proof: Proof) -> None:
        """Keep the package that was proved, if there is room, and its file is still the same."""
        present = self.find(proof.study)
        if self._folder is None or (present and read_claim(present) == proof.sha256):
            return
        try:
            content = read_file(path)
            if read_seal(content).sha256 == proof.sha256:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                publish(self._folder / f"{proof.study}{_SUFFIX}", content)
        except (OSError, PackageError) as error:
            logger.warning("no copy of the model of %s is kept: %s", proof.study, error)
