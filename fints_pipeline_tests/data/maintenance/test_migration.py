"""`migrate` stamps what fits, tells how to rebuild the rest, and touches nothing else."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, series_key
from fints_pipeline.data.catalog import DataCatalog
from fints_pipeline.data.maintenance import Migration, apply, plan
from fints_pipeline.data.synthetic import make_market
from fints_pipeline_tests.data.catalog.lakes import write_bars

KEY = series_key("bars", "5m", "test.AAA", "2023-01")


class OldContract(ArrowContract):
    """The same columns, with checks that this version does not have."""

    @property
    def fingerprint(self) -> str:
        return "0" * 32


@pytest.fixture
def old(lake: Lake) -> Lake:
    write_bars(lake, "test.AAA", "5m", "2023-01")
    write_bars(lake, "test.BBB", "5m", "2023-01")
    rows = lake.read(KEY)
    lineage = Lineage("0", "c", {"raw_bars/1m/test.AAA/2023-01": "d"})
    lake.write(
        KEY, rows, OldContract("bars", rows.schema), lineage, {"state": "{}"}, {"quality": "{}"}
    )
    return lake


def test_rows_that_fit_are_stamped_anew_and_keep_digest_and_lineage(old: Lake):
    before = old.footer(KEY)
    (found,) = plan(old)
    assert (found.key, found.fits) == (KEY, True)
    apply(old, found)
    after = old.footer(KEY)
    assert after == replace(before, schema_fingerprint=after.schema_fingerprint)
    assert after.schema_fingerprint != before.schema_fingerprint
    assert list(plan(old)) == []
    assert DataCatalog(old).bars("test.AAA", "5m").num_rows == 12


def test_another_order_and_a_narrower_type_fit(old: Lake):
    rows = old.read(KEY)
    volume = pa.array([10] * rows.num_rows, pa.int32())
    rows = rows.set_column(rows.column_names.index("volume"), "volume", volume)
    rows = rows.select(rows.column_names[::-1])
    old.write(KEY, rows, ArrowContract("bars", rows.schema), Lineage("0", "", {}))
    (found,) = plan(old)
    apply(old, found)
    assert list(plan(old)) == []


def test_rows_that_do_not_fit_are_to_be_rebuilt(old: Lake):
    rows = old.read(KEY).drop_columns(["split_factor"])
    old.write(KEY, rows, ArrowContract("bars", rows.schema), Lineage("0", "", {}))
    (found,) = plan(old)
    assert (found.fits, found.reason) == (False, "bars lacks split_factor")
    assert "job execute" in found.command
    assert '"dagster/partition/month": "2023-01"' in found.command
    with pytest.raises(SchemaError, match="lacks split_factor"):
        apply(old, Migration(KEY, True, "", ""))


def test_values_that_break_a_check_are_to_be_rebuilt(old: Lake):
    rows = old.read(KEY)
    close = pa.array([-1.0] * rows.num_rows)
    rows = rows.set_column(rows.column_names.index("close"), "close", close)
    old.write(KEY, rows, OldContract("bars", rows.schema), Lineage("0", "", {}))
    (found,) = plan(old)
    assert (found.fits, found.reason) == (False, "bars violates its schema")


def test_raw_rows_are_read_again_from_their_archives(lake: Lake):
    old_raw(lake, "test.AAA", "2023-01")
    (found,) = plan(lake)
    assert found.command == (
        "python -m fints_pipeline.data drop --apply raw_bars/1m/test.AAA/2023-01"
        " && python -m fints_pipeline.data ingest"
    )


def old_raw(lake: Lake, instrument: str, month: str) -> None:
    """Write raw rows of a schema that no longer fits."""
    key = series_key("raw_bars", "1m", instrument, month)
    rows = pa.table({"instrument": [instrument]})
    lake.write(key, rows, ArrowContract("raw_bars", rows.schema), Lineage("0", "", {}))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["folder", pytest.param("bucket", marks=pytest.mark.server)])
def test_the_command_that_is_told_rebuilds(
    where: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    address = request.getfixturevalue("bucket") if where == "bucket" else str(tmp_path / "lake")
    monkeypatch.setenv("FINTS_LAKE", address)
    monkeypatch.setenv("FINTS_INBOX", str(tmp_path / "inbox"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    make_market(tmp_path / "inbox" / "synthetic", 0, "2024-07", "2024-07")
    (tmp_path / "inbox" / "synthetic" / "WALKA-1m-2024-06.zip").unlink()  # the broken one
    run("python -m fints_pipeline.data ingest")
    lake = Lake(address)
    key = series_key("raw_bars", "1m", "synthetic.EDGE", "2024-07")
    before = lake.digest(key)
    old_raw(lake, "synthetic.EDGE", "2024-07")
    (found,) = plan(lake)
    run(found.command)
    assert lake.digest(key) == before
    assert list(plan(lake)) == []


def run(command: str) -> None:
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
