"""Manifests of format 2, upgraded to the present format while they are read.

Format 2 kept metrics as prose: the names of its figures held measure, segment and condition. This
is the only place that takes such names apart. What format 2 does not say stays unknown (None).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FORMAT_VERSION = 2

Data = dict[str, Any]

_MEASURES = {
    "accuracy": "accuracy",
    "balanced accuracy": "balanced_accuracy",
    "macro F1": "macro_f1",
    "macro AUC": "macro_auc",
    "log-loss": "log_loss",
    "Brier score": "brier_score",
    "calibration error": "calibration_error",
    "coverage": "coverage",
    "unsure": "unsure",
    "precision": "precision",
    "recall": "recall",
}
_OF_ONE_SEGMENT = ("precision", "recall")
_PREDICTORS = {
    "largest class": "largest_class",
    "stratified dummy": "stratified_draw",
    "stays the same": "no_change",
}
_KINDS = ("complete", "incomplete", "indirect", "imprecise")
_MISSING = re.compile(r"(\d+) missing")
_NOISE = re.compile(r"(\d+) % noise")
_AHEAD = re.compile(r"(\d+) days ahead")
_EVALUATIONS = (
    (
        "cross_validation",
        re.compile(r"(?P<n>\d+)-fold cross-validation, held-out records of (?P<table>.+)"),
    ),
    (
        "cross_validation_reclustered",
        re.compile(r"(?P<n>\d+)-fold cross-validation with the clusters refitted, (?P<table>.+)"),
    ),
    (
        "bootstrap",
        re.compile(r"(?P<n>\d+) bootstrap samples of (?P<table>.+), records not in them"),
    ),
    (
        "forward_in_time",
        re.compile(r"(?P<as_of>\S+), from what was known \d+ days before, (?P<table>.+)"),
    ),
)
_QUALITIES = {
    "silhouette, clustered space": "silhouette",
    "silhouette, scaled columns": "silhouette_columns",
    "silhouette, records": "n_silhouette_records",
    "Davies-Bouldin": "davies_bouldin",
    "Calinski-Harabasz": "calinski_harabasz",
}
_NAMING = re.compile(
    r"(?P<segment>[^:]+): (?P<extreme>highest|lowest) mean of (?P<columns>.+)"
    r" among the clusters without a name \((?P<value>[^;]+); the others (?P<rivals>.*)\)"
)


def upgrade(manifest: Mapping[str, Any]) -> Data:
    """Return a manifest of format 2 as one of format 3.

    Parameters
    ----------
    manifest : mapping
        Decoded JSON, of bytes that have been verified.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        If it is not such a manifest.
    """
    features = [column for column in manifest["record"]["columns"] if column["role"] == "feature"]
    upgraded: Data = dict(manifest)
    upgraded["format_version"] = 3
    upgraded["metrics"] = [_upgrade_figure(figure, features) for figure in upgraded.pop("figures")]
    upgraded["confusions"] = [
        _upgrade_confusion(confusion, features) for confusion in manifest.get("confusions", [])
    ]
    upgraded["conformal"] = manifest["conformal"] | {
        "measured": [
            {"condition": _read_condition(name), "threshold": threshold}
            for name, threshold in manifest["conformal"]["measured"].items()
        ]
    }
    if manifest.get("aggregation"):
        upgraded["aggregation"] = _upgrade_aggregation(manifest["aggregation"])
    if manifest.get("clusters"):
        upgraded["clusters"] = _upgrade_clusters(manifest["clusters"], features)
    return upgraded


def _upgrade_figure(figure: Mapping[str, Any], features: list[Data]) -> Data:
    name, *parts = figure["name"].split(", ")
    measure = _MEASURES[name]
    segment = parts.pop(0) if measure in _OF_ONE_SEGMENT else None
    subject = _read_subject(parts)
    return {
        "measure": measure,
        "value": figure["value"],
        "segment": segment,
        **subject,
        "features": _find_features(figure["inputs"], subject, features),
        "circular": figure["circular"],
        "n_records": None,
        "evaluation": _read_evaluation(figure["on"]),
    }


def _upgrade_confusion(confusion: Mapping[str, Any], features: list[Data]) -> Data:
    subject = _read_subject([confusion["name"]])
    return {
        "segments": confusion["segments"],
        "counts": confusion["counts"],
        "condition": subject["condition"],
        "horizon_days": subject["horizon_days"],
        "features": _find_features(confusion["inputs"], subject, features),
        "circular": confusion["circular"],
        "evaluation": _read_evaluation(confusion["on"]),
    }


def _read_subject(parts: list[str]) -> Data:
    """Return condition, horizon, predictor and feature set from what stands after a measure."""
    subject: Data = {
        "condition": None,
        "horizon_days": None,
        "predictor": "model",
        "feature_set": None,
    }
    feature_set_parts = []
    for part in parts:
        ahead = _AHEAD.fullmatch(part)
        condition = _read_condition(part)
        if ahead:
            subject["horizon_days"] = int(ahead[1])
        elif part in _PREDICTORS:
            subject["predictor"] = _PREDICTORS[part]
        elif condition:
            subject["condition"] = condition
        else:
            feature_set_parts.append(part)
    subject["feature_set"] = ", ".join(feature_set_parts) or None
    return subject


def _read_condition(name: str) -> Data | None:
    missing, noise = _MISSING.fullmatch(name), _NOISE.fullmatch(name)
    if missing:
        return {"kind": "incomplete", "n_missing": int(missing[1])}
    if noise:
        return {"kind": "imprecise", "noise": int(noise[1]) / 100}
    return {"kind": name} if name in _KINDS else None


def _read_evaluation(text: str) -> Data:
    for method, pattern in _EVALUATIONS:
        match = pattern.fullmatch(text)
        if match:
            parts = match.groupdict()
            return {
                "method": method,
                "table": parts["table"],
                "n_repetitions": int(parts.get("n", 1)),
                "as_of": parts.get("as_of"),
            }
    raise ValueError("a figure is on records that are not known")


def _find_features(inputs: str, subject: Data, features: list[Data]) -> list[str] | None:
    """Return the columns that were read; format 2 does not say those of a feature set."""
    if subject["feature_set"]:
        return None
    if subject["predictor"] in ("largest_class", "stratified_draw") or inputs.startswith("nothing"):
        return []
    names = [column["name"] for column in features]
    if inputs.startswith("only "):
        return [column["name"] for column in features if not column["defines"]]
    return names


def _upgrade_aggregation(aggregation: Mapping[str, Any]) -> Data:
    """Return an aggregation with the roles that format 2 told by kinds."""
    columns = aggregation["transactions"]["columns"]
    return dict(aggregation) | {
        "customer": next(column["name"] for column in columns if column["role"] == "identifier"),
        "time": next(column["name"] for column in columns if column["kind"] == "time"),
    }


def _upgrade_clusters(clusters: Mapping[str, Any], features: list[Data]) -> Data:
    columns = {column["title"].strip(): column["name"] for column in features}
    return dict(clusters) | {
        "quality": {
            _QUALITIES[name]: int(value) if name.endswith("records") else value
            for name, value in clusters["quality"].items()
        },
        "naming": [_read_naming(sentence, columns) for sentence in clusters["naming"]],
    }


def _read_naming(sentence: str, columns: Mapping[str, str]) -> Data:
    match = _NAMING.fullmatch(sentence)
    if match is None:
        return {"segment": sentence.partition(":")[0]}
    return {
        "segment": match["segment"],
        "extreme": match["extreme"],
        "columns": [columns[title] for title in match["columns"].split(" + ")],
        "value": float(match["value"]),
        "rivals": [float(value) for value in match["rivals"].split(", ")],
    }
