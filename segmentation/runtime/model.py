"""A loaded model: records in, answers out, in these steps.

gather (``transactions``: transactions to features) → validate (``schema.record_validation``)
→ score (``scorer``) → warn (``record_warnings``) → answer (``answers``) → explain (``explainer``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import ANYTHING, Manifest, Package, Trust, read_package
from segmentation.errors import InvalidRecordsError, NotReadyError, PackageError
from segmentation.runtime.answers import Answer, AnswerWriter, ModelName
from segmentation.runtime.explainer import Explainer
from segmentation.runtime.known_tables import KnownTables
from segmentation.runtime.reasons import Reasons
from segmentation.runtime.record_warnings import WarningFinder
from segmentation.runtime.scorer import Scorer
from segmentation.runtime.transactions import TransactionFeatures, explain_features
from segmentation.runtime.unknown_field_warnings import list_address, warn_of_unread
from segmentation.schema import CheckedRecords, Record, RecordValidator, UnknownFields

# The difference between ONNX and the pipeline that packing allows, plus the rounding of answers.
GOLDEN_TOLERANCE = 2e-5
# Number of records that are answered at a time. Their answers fit into the processor's cache and
# do not start the garbage collector: 10,000 records at once take 1.3 times as long.
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
    sha256 : str
        Of the file that it was read from.
    sequence : int or None
        Of a signed package.
    """

    def __init__(self, package: Package) -> None:
        self.manifest: Manifest = package.manifest
        self.sha256 = package.seal.sha256 if package.seal else ""
        self.sequence = package.seal.sequence if package.seal else None
        schema = self.manifest.record
        self._transactions = TransactionFeatures(self.manifest)
        self._validator = RecordValidator(
            schema,
            fields_at=list_address(self.manifest.study),
            recognise=KnownTables(self.manifest).recognise,
        )
        self._number_names = [column.name for column in schema.numbers]  # the features first
        self._n_features = len(schema.features)
        self._identifier = schema.identifier.name if schema.identifier else ""
        first, *further = schema.decisive
        # For one column a slice, because itemgetter then returns a list as for several.
        self._decisive = (
            itemgetter(*schema.decisive) if further else itemgetter(slice(first, first + 1))
        )
        try:
            self._scorer = Scorer(package)
        except Exception as error:  # noqa: BLE001  # ONNX Runtime's have no common base
            raise PackageError(
                f"has a scorer that cannot be loaded: {type(error).__name__}"
            ) from None
        self._explainer = Explainer(package, self._scorer.score_today)
        self._warnings = WarningFinder(self.manifest)
        self._writer = AnswerWriter(self.manifest)

    @cached_property
    def reasons(self) -> Reasons:
        """The finder of short reasons for the rows of a file."""
        return Reasons(self.manifest)

    @classmethod
    def load(cls, path: Path, trust: Trust = ANYTHING) -> Model:
        """Read, verify and load a package, and check that it answers as it did when packed.

        Raises
        ------
        PackageError
            If the file is missing, damaged, not trusted, or no longer answers the same.
        """
        model = cls(read_package(path, trust))
        try:
            model.check_golden()
        except (NotReadyError, InvalidRecordsError) as error:
            raise PackageError(f"{path}: {error}") from None
        return model

    @property
    def name(self) -> ModelName:
        """The study and version of this model, as they stand in every answer."""
        return {"study": self.manifest.study, "version": self.manifest.version}

    def try_out(self) -> None:
        """Do what answering may do beside what golden records ask for.

        Raises
        ------
        PackageError
            If the package does what it must not.
        """
        self._transactions.try_out()

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
        """Read a JSON text of plain records; see `RecordValidator.read_plain`."""
        return self._validator.read_plain(body, most)

    def check(self, records: Sequence[Any]) -> CheckedRecords:
        """Return `records` in canonical form; see `RecordValidator.validate`."""
        gathered = self._transactions.gather(records)
        try:
            checked = self._validator.validate(gathered.records)
        except InvalidRecordsError as error:
            raise explain_features(error, records) from None
        for row, unread in gathered.unread.items():
            beside = checked.unknown.get(row, UnknownFields())
            checked.unknown[row] = replace(
                beside,
                in_transactions=unread.in_transactions,
                left_out=unread.left_out,
                n_transactions=unread.n_transactions,
            )
        return checked

    def answer(
        self, records: list[Record], explained: Sequence[int] = ()
    ) -> Iterator[list[Answer]]:
        """Answer canonical records, chunk by chunk.

        Parameters
        ----------
        records : list of dict
            Where they are `CheckedRecords`, answers warn of what was not read.
        explained : sequence of int
            Positions of the records whose answers get an explanation, in order.

        Raises
        ------
        UnavailableError
            If an explanation needs libraries that are not installed.
        """
        unknown = records.unknown if isinstance(records, CheckedRecords) else {}
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            answers = self._answered(chunk)
            if unknown:
                self._warn_of_unread(start, answers, unknown)
            inside = [row - start for row in explained if start <= row < start + CHUNK]
            if inside:
                self._explain([chunk[row] for row in inside], [answers[row] for row in inside])
            yield answers

    def _warn_of_unread(
        self, start: int, answers: list[Answer], unknown: Mapping[int, UnknownFields]
    ) -> None:
        for row, answer in enumerate(answers, start):
            if row in unknown:
                unread = warn_of_unread(unknown[row], self.manifest.study)
                answer["warnings"] = [*unread, *answer["warnings"]]

    def _explain(self, records: list[Record], answers: list[Answer]) -> None:
        numbers = [list(map(record.get, self._number_names)) for record in records]
        explanations = self._explainer.explain(records, self._features(numbers))
        for answer, explanation in zip(answers, explanations, strict=True):
            answer["explanation"] = explanation

    def _answered(self, records: list[Record]) -> list[Answer]:
        """Answer a chunk. After the scores no numpy is used: its calls are slow for one record."""
        names = self._number_names
        numbers = [list(map(record.get, names)) for record in records]
        now, *later = self._scorer.scores(self._features(numbers))
        find, write, identifier = self._warnings.find, self._writer.write, self._identifier
        decisive = self._decisive
        answers: list[Answer] = []
        n_missing: list[int] = []
        for record, answers_given, probabilities in zip(
            records, numbers, now.tolist(), strict=True
        ):
            segment = probabilities.index(max(probabilities))
            decisive_answers = decisive(answers_given)
            missing = (
                tuple([i for i, value in enumerate(decisive_answers) if value is None])
                if None in decisive_answers
                else ()
            )
            warnings = find(record, answers_given, segment, len(missing))
            key = record.get(identifier)
            answers.append(write(probabilities, segment, missing, warnings, key))
            n_missing.append(len(missing))
        for outlook in later:
            for answer, n_gaps, probabilities in zip(
                answers, n_missing, outlook.tolist(), strict=True
            ):
                answer["outlook"] = self._writer.outlook(probabilities, n_gaps)
        return answers

    def _features(self, numbers: list[list[float | None]]) -> NDArray[np.float32]:
        """Return an array of shape (n_samples, n_features); numpy reads None as NaN."""
        return np.ascontiguousarray(np.array(numbers, dtype=np.float32)[:, : self._n_features])

    def check_golden(self) -> None:
        """Answer the golden records.

        Raises
        ------
        NotReadyError
            If the answer to any of them is not the one that was packed.
        """
        golden = self.manifest.golden
        for expected, answer in zip(
            golden, self.predict([example.record for example in golden]), strict=True
        ):
            probabilities = [segment["probability"] for segment in answer["probabilities"]]
            close = np.allclose(
                probabilities, expected.probabilities, rtol=0, atol=GOLDEN_TOLERANCE
            )
            if answer["segment"]["id"] != expected.segment or not close:
                raise NotReadyError(
                    "does not answer its golden records as it did when it was packed"
                )
