"""What the repository ships: where it is, the model packages, and the records of the samples."""

from __future__ import annotations

from pathlib import Path

from segmentation.datasets import read_table
from segmentation.schema import Record
from segmentation.service.settings import Settings
from segmentation.studies import STUDIES as ALL_STUDIES
from segmentation.training.training_data import read_source

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "model.bin"
MODELS_DIR = ROOT / "models"
PACKAGES = {"mobile": MODEL} | {
    study: MODELS_DIR / f"{study}.bin" for study in ("credit_card", "household", "retail")
}
"""The shipped package of each study, in the order in which the service lists them."""
STUDIES = tuple(PACKAGES)
SHIPPED = Settings(model_path=MODEL, models_dir=MODELS_DIR)
"""Settings under which the shipped models are served from wherever tests are run."""


def sample_records(name: str) -> list[Record]:
    """Return the records of a study's shipped sample, without the target."""
    study, path = ALL_STUDIES[name], ROOT / "data" / f"{name}.csv"
    if study.transactions is None:
        records = read_table(path, study.schema).records
    else:
        _, data = read_source(study)
        records = data.table.records
    target = study.schema.target
    return [
        {key: value for key, value in record.items() if not target or key != target.name}
        for record in records
    ]
