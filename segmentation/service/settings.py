"""The table of settings: names, defaults, limits and meanings, read from the environment once.

The table of the documentation is made from it; what compose and the proxy pass on is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from segmentation.errors import SegmentationError

MEBIBYTE = 1024 * 1024


class Settings(BaseModel):
    """Settings; the environment variable of each is its name in capitals."""

    model_config = ConfigDict(frozen=True)

    port: int = Field(9696, ge=1, le=65535, description="port to listen on, on every interface")
    model_path: Path = Field(Path("model.bin"), description="model package of the default study")
    models_dir: Path = Field(
        Path("models"), description="folder of further packages, NAME.bin for the study NAME"
    )
    default_study: str = Field(
        "mobile",
        pattern=r"^[a-z][a-z0-9_]*$",
        description="study that `/predict` answers; the others are under `/studies/NAME`",
    )
    model_public_key: str | None = Field(
        None,
        description="Ed25519 public key, PEM text or a path to it; packages not signed with its "
        "private key are refused",
    )
    model_least_sequence: int = Field(
        0,
        ge=0,
        description="with `MODEL_PUBLIC_KEY`, packages signed before this time, in seconds since "
        "1970, are refused",
    )
    unpickle_unsigned: bool = Field(
        True,
        description="whether explanations may unpickle the pipeline of a package that nobody signed"
        " and that is not in `BUILT_IN_PACKAGES`; false in the image",
    )
    built_in_packages: Path | None = Field(
        None,
        description="file of SHA-256 digests, as `sha256sum` writes them, of packages that need no "
        "signature for it; in the image, those that it was built with",
    )
    last_good_dir: Path | None = Field(
        None,
        description="folder for the last good package of each study, for when its file is bad; "
        "by default in memory, as long as the service runs",
    )
    web_concurrency: int = Field(2, ge=1, le=64, description="worker processes; one for each core")
    threads: int = Field(
        4,
        ge=1,
        le=256,
        description="requests beside plain predictions that a worker handles at a time",
    )
    max_files: int = Field(
        2, ge=1, le=64, description="files that a worker scores at a time; as many more may wait"
    )
    max_waiting: int = Field(
        64, ge=1, description="requests that wait for one of `THREADS`; later ones get a 503"
    )
    max_connections: int = Field(
        10_000, ge=1, description="connections of a worker; beyond it the longest idle is closed"
    )
    max_records: int = Field(10_000, ge=1, description="most records in one request")
    max_explanations: int = Field(
        100, ge=1, description="most records of one request whose answers are explained"
    )
    max_body_bytes: int = Field(16 * MEBIBYTE, ge=1024, description="largest request body")
    max_file_bytes: int = Field(64 * MEBIBYTE, ge=1024, description="largest file to be scored")
    max_file_rows: int = Field(500_000, ge=1, description="most rows, or customers, of a file")
    max_answer_bytes: int = Field(
        512 * MEBIBYTE, ge=1024, description="longest answer to a file, as its beginning shows"
    )
    keep_alive: int = Field(
        75, ge=1, description="seconds that an idle connection is kept; more than a load balancer's"
    )
    read_timeout: int = Field(
        10,
        ge=1,
        description="seconds that a client may pause in the middle of a request or an answer",
    )
    least_rate: int = Field(
        1024,
        ge=1,
        description="bytes a second that a client must send or take, once `READ_TIMEOUT` is over",
    )
    graceful_timeout: int = Field(
        25, ge=1, description="seconds that a stopping worker may take for requests in progress"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severity that is logged; one line per request is info"
    )

    @field_validator("model_public_key")
    @classmethod
    def _not_empty(cls, key: str | None) -> str | None:
        """Refuse an empty key: a lost secret must not switch the check off."""
        if key is not None and not key.strip():
            raise ValueError("is empty; leave it out to accept unsigned packages")
        return key

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises
        ------
        SegmentationError
            Naming every variable that cannot be used, without its value.
        """
        values = {
            name: environment[name.upper()]
            for name in cls.model_fields
            if name.upper() in environment
        }
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            reasons = "; ".join(
                f"{str(problem['loc'][0]).upper()}: {problem['msg']}"
                for problem in error.errors(include_url=False)
            )
            raise SegmentationError(reasons) from None


def settings_table() -> str:
    """Return the settings as a Markdown table, for the documentation."""
    rows = [
        f"| `{name.upper()}` | {_format_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def _format_default(default: object) -> str:
    return "" if default is None else f"`{default}`"
