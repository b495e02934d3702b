"""A file of an exogenous series as the rows that it delivers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa

from fints_pipeline.base.errors import FormatError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.data import cells
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.unpacking import Member
from fints_pipeline.schemas.raw_exogenous import raw_exogenous_contract

_NO_VALUE = ("nan", "None")


def why_not(file: SourceFile, config: ExogenousConfig) -> str | None:
    """Return why a file cannot be one of the series, or None if its columns say that it can."""
    return cells.missing_column(file, config.columns, config.separator)


def read_archive(
    staged: StagedArchive, members: Iterable[Member], archive: str, config: ExogenousConfig
) -> pa.Table:
    """Return the rows of an archive's members in the columns of ``raw_exogenous``.

    Args:
        staged: The archive.
        members: Those that hold rows of the series.
        archive: Its file name.
        config: The series.

    Raises:
        FormatError: a column is missing, a period or number cannot be read, or periods repeat.
        ArchiveError: a member is damaged.
    """
    files = [SourceFile(staged.path(each), each.name, archive) for each in members]
    frames = [read_rows(file, config) for file in files]
    frame = pd.concat(frames, ignore_index=True)
    twice = frame.duplicated(["period_end", "published_at"])
    if twice.any():
        row = frame.loc[twice.idxmax()]
        raise FormatError(
            "a period stands in the file twice",
            where=f"{archive}: row {row['source_row']}, the period that ended {row['period_end']}",
        )
    return with_origin(frame, staged.sha256, staged.known_at, config)


def with_origin(
    frame: pd.DataFrame, sha256: str, delivered: datetime, config: ExogenousConfig
) -> pa.Table:
    """Return rows as those of one delivery."""
    known_at = pd.Timestamp(delivered).tz_convert("UTC").as_unit("us")
    frame = frame.assign(series=config.name, archive=sha256, known_at=known_at)
    return to_arrow(frame, raw_exogenous_contract(list(config.values)).arrow_schema)


def read_rows(file: SourceFile, config: ExogenousConfig) -> pd.DataFrame:
    """Return ``period_end``, ``published_at``, ``source_row`` and the values of one file.

    Rows without any value are left out.

    Raises:
        FormatError: a column is missing, or a period or number cannot be read.
        ArchiveError: the file is damaged.
    """
    raw = cells.read_cells(file, config.columns, config.separator)
    layout, zone = config.period_format, config.timezone
    close = timedelta(hours=config.period_close.hour, minutes=config.period_close.minute)
    period_end = cells.stamps(raw[config.period], file.where, layout, zone, close)
    published = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[us, UTC]")
    if config.published is not None:
        published = cells.stamps(raw[config.published], file.where, layout, zone)
    early = published < period_end
    if early.any():
        raise FormatError(
            "a value is published before its period ends",
            where=f"{file.where}: row {int(early.to_numpy().argmax()) + 1}",
            fix="mend `published`, `period_close` or `timezone` in the config",
        )
    rows = pd.DataFrame({"period_end": period_end, "published_at": published})
    rows["source_row"] = range(1, len(rows) + 1)
    missing = (*config.missing, *_NO_VALUE)
    for name, column in config.values.items():
        rows[name] = cells.numbers(raw[column], file.where, missing)
    return rows.dropna(subset=list(config.values), how="all")
