"""Which tables of the lake an experiment reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.time import minutes


def _frequency(value: str) -> str:
    try:
        minutes(value)
    except ConfigError as error:
        raise ValueError(f"{error.what}; {error.fix}") from None
    return value


class DataConfig(Config):
    """Which tables of the lake an experiment reads.

    Attributes:
        instruments: as the lake names them, ``dataset.SYMBOL``.
        frequency: of the bars, for example ``5m``.
        features: columns of the features table.
        label: column of the labels table with the forward log return.
        direction_label: column of the labels table with −1 down, 0 flat, +1 up.
    """

    instruments: tuple[str, ...] = Field(min_length=1)
    frequency: Annotated[str, AfterValidator(_frequency)]
    features: tuple[str, ...] = Field(min_length=1)
    label: str
    direction_label: str
