"""Warnings about what was sent and not read: fields that are not known, and the target.

Nothing that is left out goes unsaid; what is missing while unknown fields are there is said, too.
Whether a field is known is decided by ``schema.headers``.
"""

from __future__ import annotations

from collections.abc import Sequence

from segmentation.runtime.record_warnings import RecordWarning
from segmentation.schema import Column, UnknownFields
from segmentation.schema.unknown_fields import UnknownField
from segmentation.wording.left_out import LEFT_OUT_WORDS
from segmentation.wording.phrases import join_parts

UNKNOWN_FIELD = "unknown_field"
MISSING_FIELD = "missing_field"
TARGET_FIELD = "target_field"
LEFT_OUT = "left_out"


def list_address(study: str | None) -> str:
    """Return the path at which the service lists all fields of a study, or the default one's."""
    return f"/studies/{study}/schema" if study else "/schema"


def warn_of_unread(unknown: UnknownFields, study: str) -> list[RecordWarning]:
    """Return the warnings about one record.

    Parameters
    ----------
    unknown : UnknownFields
    study : str
        Whose list of fields is referred to.
    """
    warnings = [warn_of_missing(unknown, study)] if unknown.missing else []
    warnings += [_about("this study", field, study) for field in unknown.named]
    warnings += [_about("a transaction", field, study) for field in unknown.in_transactions]
    warnings += [
        {
            "field": "transactions",
            "code": LEFT_OUT,
            "message": _describe_left_out(reason, count, unknown.n_transactions),
            "reason": reason,
            "count": count,
            "total": unknown.n_transactions,
        }
        for reason, count in unknown.left_out
    ]
    if unknown.n_more:
        message = f"has {unknown.n_more} more fields that are not known and were not read"
        warnings.append({"field": None, "code": UNKNOWN_FIELD, "message": message})
    if unknown.target is not None:
        message = "is what the model answers and was not read"
        warnings.append({"field": unknown.target, "code": TARGET_FIELD, "message": message})
    return warnings


def _describe_left_out(reason: str, count: int, total: int) -> str:
    verb = "was" if count == 1 else "were"
    return f"{count} of {total} {verb} left out, as in training: {LEFT_OUT_WORDS[reason]}"


def warn_of_missing(unknown: UnknownFields, study: str | None, advice: str = "") -> RecordWarning:
    """Return the warning about columns that are missing while unknown fields are there.

    Parameters
    ----------
    unknown : UnknownFields
        Of a record, or of the header of a file.
    study : str or None
        Whose list of fields is referred to.
    advice : str, optional
        A sentence that says to what else they belong.
    """
    message = (
        f"{_lacks(unknown.missing)}; not known: {unknown.phrase};"
        f" all fields are listed at {list_address(study)}"
    )
    message = f"{message}. {advice}" if advice else message
    return {"field": None, "code": MISSING_FIELD, "message": message}


def _lacks(missing: Sequence[Column]) -> str:
    names = join_parts([column.name for column in missing])
    if missing[0].defines:
        return f"lacks {names}, which define{'s' * (len(missing) == 1)} the segments"
    return f"lacks {names}, from which the segments are told"


def _about(owner: str, field: UnknownField, study: str) -> RecordWarning:
    """Return the warning about one field, which `owner` doesn't have."""
    if field.name is None:
        message = "has a field with no name, or a very long one, which was not read"
        return {"field": None, "code": UNKNOWN_FIELD, "message": message}
    hint = f"; did you mean {field.nearest}?" if field.nearest else "."
    message = (
        f"is not a field of {owner} and was not read{hint}"
        f" All fields are listed at {list_address(study)}"
    )
    return {"field": field.name, "code": UNKNOWN_FIELD, "message": message}
