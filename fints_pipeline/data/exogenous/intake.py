"""Staged files of a series into the lake's raw rows, every delivery beside the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.errors import FormatError, UserError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake
from fints_pipeline.data import archives
from fints_pipeline.data.archives import Member, StagedArchive
from fints_pipeline.data.delivery_index import parts_exist
from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.data.exogenous.partition import raw_key_of
from fints_pipeline.data.exogenous.series_file import read_archive, why_not
from fints_pipeline.data.exogenous.versions import resolve
from fints_pipeline.data.slices import SliceChange, merge
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.staging_report import StagedDelivery
from fints_pipeline.data.taken import Intake, Record, known, read_record, write_record
from fints_pipeline.schemas.raw_exogenous import raw_exogenous_contract

_ARCHIVES = "archives/"


def take(
    lake: Lake,
    relative: str,
    staged: StagedArchive,
    members: Sequence[Member],
    config: ExogenousConfig,
) -> Intake:
    """Put a file's rows beside those of earlier deliveries, unless they are there.

    Raises:
        FormatError: it does not fit the config, holds no value, or contradicts another delivery and
            neither is the later one; the lake is as before.
        ArchiveError: it is damaged.
    """
    owner = f"exogenous.{config.name}"
    record = read_record(staged, owner)
    if record.rules == config.reading and parts_exist(lake, record.parts):
        return known(relative, staged, owner, record)
    rows = read_archive(staged, members, relative.rpartition("/")[2], config)
    if not rows.num_rows:
        raise FormatError("the file holds no value of the series", where=relative)
    found = {staged.sha256: rows}
    if _is_outdated(lake, config):
        found = _read_again(lake, staged.folder.parent, config) | found
    change = _put(lake, config, found)
    parts = [str(raw_key_of(config))]
    write_record(staged, owner, Record(config.reading, parts))
    delivery = StagedDelivery(
        path=relative,
        sha256=staged.sha256,
        dataset=owner,
        rules=config.reading,
        instruments=(config.name,),
        rows=rows.num_rows,
        verified=staged.verified,
    )
    return Intake(delivery, tuple(parts), read=True, changes=(change,) if change else ())


def read_again(lake: Lake, staging: Path, config: ExogenousConfig) -> SliceChange | None:
    """Read a series' staged files again if its config now reads them otherwise.

    Raises:
        FormatError: a file does not fit the config any more, or is no longer staged.
    """
    if not _is_outdated(lake, config):
        return None
    return _put(lake, config, _read_again(lake, staging, config))


def _is_outdated(lake: Lake, config: ExogenousConfig) -> bool:
    key = raw_key_of(config)
    return lake.exists(key) and lake.footer(key).lineage.config_fingerprint != config.reading


def _read_again(lake: Lake, staging: Path, config: ExogenousConfig) -> dict[str, pa.Table]:
    found = {}
    for name in lake.footer(raw_key_of(config)).lineage.inputs:
        sha256 = name.removeprefix(_ARCHIVES)
        staged = archives.staged_before(staging, sha256)
        where = f"the file that was staged as {sha256[:12]}"
        try:
            if staged is None:
                raise FormatError("it is no longer staged")
            members = [each for each in staged.members if _fits(staged, each, config)]
            found[sha256] = read_archive(staged, members or staged.members, where, config)
        except UserError as error:
            raise FormatError(
                f"the config of series {config.name!r} changed, and a file that is in the lake "
                f"cannot be read with it: {error.what}",
                where=error.where or where,
                fix="undo the change, give the series another name, or remove "
                f"{raw_key_of(config)} from the lake and put the files into the inbox again",
            ) from None
    return found


def _fits(staged: StagedArchive, member: Member, config: ExogenousConfig) -> bool:
    return why_not(SourceFile(staged.path(member), member.name, member.name), config) is None


def _put(lake: Lake, config: ExogenousConfig, found: dict[str, pa.Table]) -> SliceChange | None:
    """Make ``found`` what the lake holds of these archives, if the series can be told then."""
    key = raw_key_of(config)
    contract = raw_exogenous_contract(list(config.values))
    before = lake.read(key) if lake.exists(key) else contract.arrow_schema.empty_table()
    is_alike = before.schema.equals(contract.arrow_schema)
    ours = pa.array(list(found), pa.string())
    # With other columns than the config gives, all of it was read again.
    others = (
        before.filter(pc.invert(pc.is_in(before.column("archive"), ours))) if is_alike else None
    )
    tables = [*found.values(), others] if others is not None else list(found.values())
    resolve(to_pandas(pa.concat_tables(tables)), config)
    if not is_alike:
        empty = contract.arrow_schema.empty_table()
        lake.write(key, empty, contract, lake.footer(key).lineage)
    return merge(lake, key, found, config.reading, contract)
