"""Where a reader is: addresses of pages, and which studies there are to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from segmentation.errors import UnknownStudyError
from segmentation.runtime import Model
from segmentation.runtime.cards import StudyCard

ROOT = "/pages/"
PAGES = {"segments": "Segments", "score": "Score one", "file": "Score a file", "model": "Model"}
"""Pages by the last part of their address; the first is where a study begins."""
_HOME = next(iter(PAGES))


class ServedStudy(Protocol):
    """A study's place in this process, with its model or the reason why there is none."""

    study: str

    def describe(self, default: str) -> StudyCard:
        """Describe the study."""

    def get(self) -> Model:
        """Return its model."""


class ServedStudies(Protocol):
    """The studies that are served."""

    default: str

    def __iter__(self) -> Iterator[ServedStudy]:
        """Yield them, the default one first."""

    def find(self, study: str | None = None) -> ServedStudy:
        """Return one of them."""


@dataclass(frozen=True)
class PageAddress:
    """One page of one study; `segment` is the one whose card it is."""

    study: str
    page: str = _HOME
    segment: str | None = None

    @property
    def address(self) -> str:
        """Its path."""
        address = f"{ROOT}{self.study}/{self.page}"
        return f"{address}/{self.segment}" if self.segment else address


def parse_address(path: str, default: str) -> PageAddress:
    """Return the place that a path names; whether there is such a study is not known here.

    Raises
    ------
    UnknownStudyError
        If no page has such an address.
    """
    parts = [part for part in path.removeprefix(ROOT.rstrip("/")).split("/") if part]
    study, page, *further = [*parts, *(default, _HOME)[len(parts) :]]
    if page not in PAGES or len(further) > (page == _HOME):
        raise UnknownStudyError("There is no page at this address.")
    return PageAddress(study, page, *further)
