"""A loaded model: records in, answers out. This is the way of a record, in the order it goes.

validate (``schema.records``) → score (``scorer``) → doubt (``doubts``) → write (``answers``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Manifest, Package, read_package
from segmentation.errors import NotReadyError, PackageError
from segmentation.runtime.answers import Answer, AnswerWriter, ModelName
from segmentation.runtime.doubts import Doubts
from segmentation.runtime.scorer import Scorer
from segmentation.schema import Record, RecordValidator

# What packing allows between ONNX and the pipeline, plus the rounding of answers.
GOLDEN_TOLERANCE = 2e-5
# Records that are answered at a time. Their answers fit the processor's cache and the collector
# is not woken by tens of thousands of dictionaries: 10,000 at once take 1.3 times as long.
CHUNK = 256


class Model:
    """A verified package that answers records.

    Parameters
    ----------
    package : Package

    Attributes
    ----------
    manifest : Manifest
        The model card.
    """

    def __init__(self, package: Package) -> None:
        self.manifest: Manifest = package.manifest
        schema = self.manifest.record
        self._validator = RecordValidator(schema)
        self._number_names = [column.name for column in schema.numbers]  # the features first
        self._n_features = len(schema.features)
        self._identifier = schema.identifier.name if schema.identifier else ""
        try:
            self._scorer = Scorer(package)
        except Exception as error:  # noqa: BLE001  # ONNX Runtime's have no common base
            raise PackageError(
                f"has a scorer that cannot be loaded: {type(error).__name__}"
            ) from None
        self._doubts = Doubts(self.manifest)
        self._writer = AnswerWriter(self.manifest)

    @classmethod
    def load(cls, path: Path, public_key: str | None = None) -> Model:
        """Read, verify and load a package, and check that it answers as it did when packed.

        Raises
        ------
        PackageError
            If the file is missing, damaged, not trusted, or no longer answers the same.
        """
        model = cls(read_package(path, public_key))
        try:
            model.check_golden()
        except NotReadyError as error:
            raise PackageError(f"{path}: {error}") from None
        return model

    @property
    def name(self) -> ModelName:
        """Which model this is, as every answer says it."""
        return {"study": self.manifest.study, "version": self.manifest.version}

    def predict(self, records: Sequence[Any]) -> list[Answer]:
        """Answer records.

        Parameters
        ----------
        records : sequence
            Decoded JSON values.

        Returns
        -------
        list of dict
            One answer for each record, in the same order.

        Raises
        ------
        InvalidRecordsError
            If any record can't be answered; no record is answered then.
        """
        return [answer for chunk in self.answer(self.check(records)) for answer in chunk]

    def read_plain(self, body: bytes, most: int) -> list[Record] | None:
        """Read a JSON text that needs no second look; see `RecordValidator.read_plain`."""
        return self._validator.read_plain(body, most)

    def check(self, records: Sequence[Any]) -> list[Record]:
        """Return `records` in canonical form; see `RecordValidator.validate`."""
        return self._validator.validate(records)

    def answer(self, records: list[Record]) -> Iterator[list[Answer]]:
        """Answer canonical records, chunk by chunk."""
        for start in range(0, len(records), CHUNK):
            yield self._answered(records[start : start + CHUNK])

    def _answered(self, records: list[Record]) -> list[Answer]:
        """Answer a chunk; plain Python after the scores, as numpy calls cost one record dear."""
        names = self._number_names
        numbers = [list(map(record.get, names)) for record in records]
        rows = self._scorer.probabilities(self._features(numbers)).tolist()
        find, write, identifier = self._doubts.find, self._writer.write, self._identifier
        answers = []
        for record, given, probabilities in zip(records, numbers, rows, strict=True):
            segment = probabilities.index(max(probabilities))
            warnings = find(record, given, segment)
            answers.append(write(probabilities, segment, warnings, record.get(identifier)))
        return answers

    def _features(self, numbers: list[list[float | None]]) -> NDArray[np.float32]:
        """Return an array of shape (n_samples, n_features); numpy reads None as NaN."""
        return np.ascontiguousarray(np.array(numbers, dtype=np.float32)[:, : self._n_features])

    def check_golden(self) -> None:
        """Answer the golden records.

        Raises
        ------
        NotReadyError
            If any of them comes out otherwise than when the model was packed.
        """
        golden = self.manifest.golden
        for expected, answer in zip(
            golden, self.predict([one.record for one in golden]), strict=True
        ):
            found = [segment["probability"] for segment in answer["probabilities"]]
            close = np.allclose(found, expected.probabilities, rtol=0, atol=GOLDEN_TOLERANCE)
            if answer["segment"]["id"] != expected.segment or not close:
                raise NotReadyError(
                    "does not answer its golden records as it did when it was packed"
                )
