"""What all parts of a manifest are: plain, frozen data without unknown members."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Plain data; an unknown member means that the file is of another format."""

    model_config = ConfigDict(extra="forbid", frozen=True)
