"""Where lists are ranked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ml_assets.settings.durations import PositiveDuration
from ml_assets.settings.section import Section

MASTERS = re.compile(r"spark://\S+:\d+|k8s://\S+|yarn|local(\[[\w*,]+\])?")


def _plain(value: Any) -> Any:
    """Numbers and truth values as Spark reads them; YAML makes them of what is not quoted."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


class ComputeSettings(Section):
    """Where the lists of a day are ranked."""

    kind: Literal["embedded", "spark"] = Field(
        default="embedded",
        description="Where the lists of a day are ranked: in the process of the run, or on Apache Spark (spark.md).",
    )
    master: str | None = Field(
        default=None,
        description="Spark's master: `spark://HOST:7077`, `yarn`, `k8s://https://HOST:443` or `local[4]`. "
        "Needed with spark.",
    )
    conf: dict[str, Annotated[str, BeforeValidator(_plain)]] = Field(
        default={},
        description="Properties of Spark by name, such as `spark.executor.memory: 8g`, passed on as they are.",
    )
    shards: int = Field(
        default=64,
        ge=1,
        le=100_000,
        description="Tasks that the customers are ranked in, each of at least 2,048 customers; a few for each core of "
        "the cluster.",
    )
    wait: PositiveDuration = Field(
        default=timedelta(minutes=2), description="How long Spark's master and the first executor are waited for."
    )

    @field_validator("master")
    @classmethod
    def _known_master(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("sc://"):
            raise ValueError("lists cannot be ranked over Spark Connect; name the master itself, or spark-submit's")
        if value is not None and not MASTERS.fullmatch(value):
            raise ValueError("not a master of Spark; write spark://HOST:7077, yarn, k8s://https://HOST:443 or local[4]")
        return value

    @field_validator("conf")
    @classmethod
    def _properties_of_spark(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not name.startswith("spark."):
                raise ValueError(f"{name} is not a property of Spark; their names begin with `spark.`")
            if name in ("spark.master", "spark.remote"):
                raise ValueError(f"{name} is not set here; write compute.master")
        return value

    @model_validator(mode="after")
    def _has_a_master(self) -> ComputeSettings:
        if self.kind == "spark" and self.master is None:
            raise ValueError("Spark needs a master; set compute.master, such as spark://HOST:7077 or local[4]")
        return self
