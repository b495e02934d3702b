"""Targets and the stamps from which they are known: `labels_contract`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import pandera.pandas as pa

from fints_pipeline.schemas.contract import (
    TableContract,
    ascending_close_time,
    key_columns,
    number,
    stamp,
)

END_SUFFIX = "_end"


def labels_contract(
    columns: Sequence[str], described: Mapping[str, tuple[str, str]] | None = None
) -> TableContract:
    """Return the schema of a label table: each label and its interval's end ``<label>_end``.

    Args:
        columns: names of the labels.
        described: what each is, and its unit, for whoever reads the schema.
    """
    specs = key_columns()
    unknown = ("label; may use what comes after close_time", None)
    for name in columns:
        what, unit = (described or {}).get(name, unknown)
        specs[name] = number(what, unit=unit, nullable=True)
        specs[name + END_SUFFIX] = stamp("end of the label's interval", nullable=True)
    checks = [ascending_close_time()]
    checks += [pa.Check(_ends_later(name), name=f"{name}_ends_after_its_bar") for name in columns]
    return TableContract(
        "labels", pa.DataFrameSchema(specs, checks=checks, strict=True, ordered=True)
    )


def _ends_later(label: str) -> Callable[[pd.DataFrame], pd.Series]:
    def ends_later(frame: pd.DataFrame) -> pd.Series:
        end = frame[label + END_SUFFIX]
        return (end > frame["close_time"]) | (end.isna() & frame[label].isna())

    return ends_later
