"""Staged archives of news into the lake's raw items, cut by instrument and month."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fints_pipeline.base.errors import FormatError
from fints_pipeline.base.lake import Lake, TableKey
from fints_pipeline.data.archives import Member, StagedArchive
from fints_pipeline.data.delivery_index import part_key, parts_exist
from fints_pipeline.data.news.config import NewsConfig
from fints_pipeline.data.news.items import read_archive
from fints_pipeline.data.news.partition import RAW, raw_key
from fints_pipeline.data.slices import SliceChange, merge
from fints_pipeline.data.staging_report import StagedDelivery
from fints_pipeline.data.taken import PENDING, Intake, Record, known, read_record, write_record
from fints_pipeline.schemas.raw_news import RAW_NEWS


def take(
    lake: Lake, relative: str, staged: StagedArchive, members: Sequence[Member], config: NewsConfig
) -> Intake:
    """Put an archive's items beside those of other deliveries, unless they are there.

    Raises:
        FormatError: a line or row is not an item, or there is none; the lake is as before.
        ArchiveError: a member is damaged.
    """
    owner = f"news.{config.name}"
    record = read_record(staged, owner)
    if record.rules == config.reading and parts_exist(lake, record.parts):
        return known(relative, staged, owner, record)
    rows = read_archive(staged, members, relative.rpartition("/")[2], config)
    if not rows.num_rows:
        raise FormatError("the archive holds no news item", where=relative)
    parts = split(rows)
    names = sorted(str(key) for key in parts)
    # Before the first partition is written, so that the rows of a killed run are found.
    write_record(staged, owner, Record(PENDING, sorted({*names, *record.parts})))
    empty = RAW_NEWS.arrow_schema.empty_table()
    earlier = (part_key(part) for part in record.parts if part.startswith(f"{RAW}/"))
    touched = {**dict.fromkeys(earlier, empty), **parts}
    changes = [
        merge(lake, key, {staged.sha256: own}, config.reading, RAW_NEWS)
        for key, own in sorted(touched.items())
    ]
    write_record(staged, owner, Record(config.reading, names))
    delivery = StagedDelivery(
        path=relative,
        sha256=staged.sha256,
        dataset=owner,
        rules=config.reading,
        instruments=tuple(sorted({key["instrument"] for key in parts})),
        rows=rows.num_rows,
        verified=staged.verified,
    )
    found: list[SliceChange] = [each for each in changes if each is not None]
    return Intake(delivery, tuple(names), read=True, changes=tuple(found))


def split(rows: pa.Table) -> dict[TableKey, pa.Table]:
    """Split items by instrument and the UTC month of their publication, keeping their order."""
    names = rows.column("instrument").combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy()
    months = rows.column("published_at").to_numpy().astype("datetime64[M]")
    order = np.lexsort((months, codes))
    codes, months, ordered = codes[order], months[order], rows.take(pa.array(order))
    breaks = np.flatnonzero(np.r_[True, (codes[1:] != codes[:-1]) | (months[1:] != months[:-1])])
    starts, known_names = breaks.tolist(), names.dictionary.to_pylist()
    return {
        raw_key(known_names[codes[start]], str(months[start])): ordered.slice(start, end - start)
        for start, end in zip(starts, [*starts[1:], rows.num_rows], strict=True)
    }
