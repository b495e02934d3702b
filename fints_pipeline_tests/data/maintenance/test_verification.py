"""`verify` finds what is damaged, of another schema, or stale, and nothing in a sound lake."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fints_pipeline.base.lake import ArrowContract, BundleKey, Lake, Lineage, series_key
from fints_pipeline.base.lake.lineage import ABSENT
from fints_pipeline.data.maintenance import verify
from fints_pipeline_tests.data.catalog.lakes import write_bars

MODEL = BundleKey.of("models", experiment="e", fold="2024-01-02", model="mlm")
BARS_1M = series_key("bars", "1m", "test.AAA", "2023-01")
BARS_5M = series_key("bars", "5m", "test.AAA", "2023-01")

TOKENS = series_key("tokens", "5m", "test.AAA", "2023-01")


def write_model(lake: Lake, text: str, inputs: dict[str, str]) -> None:
    lake.write_bundle(
        MODEL, lambda folder: (folder / "weights.bin").write_text(text), Lineage("1", "", inputs)
    )


@pytest.fixture
def sound(lake: Lake) -> Lake:
    quality = {"sessions": 3, "holes": 0}
    archives = {f"archives/{'a' * 64}": "a" * 64}
    write_bars(
        lake, "test.AAA", "1m", "2023-01", quality=quality, lineage=Lineage("1", "", archives)
    )
    inputs = {
        str(BARS_1M): lake.footer(BARS_1M).digest,
        "corporate_actions/event/test.AAA/all": ABSENT,
    }
    write_bars(lake, "test.AAA", "5m", "2023-01", lineage=Lineage("1", "", inputs))
    carried = pa.table({"token": pa.array([1, 2], pa.int8())})
    contract = ArrowContract("tokens", carried.schema)
    lake.write(TOKENS, carried, contract, Lineage("1", "", {}), extra={"state": "{}"})
    write_model(lake, "weights", {str(BARS_5M): lake.footer(BARS_5M).digest})
    return lake


def findings(lake: Lake) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in verify(lake)]


def rewrite(path: Path, **changes: object) -> None:
    """Replace a column's values and leave the footer as it is."""
    table = pq.read_table(path, partitioning=None)
    for name, values in changes.items():
        position = table.column_names.index(name)
        table = table.set_column(position, table.schema.field(name), [values])
    pq.write_table(table, path)


def test_a_sound_lake_has_no_findings(sound: Lake):
    assert findings(sound) == []
    assert findings(Lake(sound.root / "nowhere")) == []


def test_one_changed_value_is_found(sound: Lake):
    close = sound.read(BARS_1M).column("close").to_pylist()
    close[7] += 1e-9
    rewrite(sound.path(BARS_1M), close=close)
    assert findings(sound) == [("damaged", str(BARS_1M))]


def test_bytes_that_are_no_parquet_are_found(sound: Lake):
    path = sound.path(BARS_1M)
    path.write_bytes(path.read_bytes()[:-20])
    # What was made from it has lost its input, as far as can be told.
    assert ("damaged", str(path.relative_to(sound.root))) in findings(sound)


def test_a_flipped_byte_is_found_or_changes_no_value(sound: Lake):
    path = sound.path(BARS_1M)
    content, rows = path.read_bytes(), sound.read(BARS_1M)
    found = 0
    for position in range(4, len(content), 127):
        flipped = bytearray(content)
        flipped[position] ^= 0xFF
        path.write_bytes(flipped)
        if any(kind == "damaged" for kind, _ in findings(sound)):
            found += 1
        else:
            assert sound.read(BARS_1M).equals(rows)
    assert found > len(content) / 127 / 3


def test_a_changed_file_of_a_bundle_is_found(sound: Lake):
    weights = sound.open_bundle(MODEL) / "weights.bin"
    weights.write_text("Weights")
    assert findings(sound) == [("damaged", "models/e/2024-01-02/mlm")]
    weights.unlink()
    assert findings(sound) == [("damaged", "models/e/2024-01-02/mlm")]


def test_changed_inputs_make_stale_through_tables_and_bundles(sound: Lake):
    write_bars(sound, "test.AAA", "1m", "2023-01", seed=5)
    assert findings(sound) == [("stale", str(BARS_5M))]
    write_bars(sound, "test.AAA", "5m", "2023-01", seed=5)
    assert findings(sound) == [("stale", "models/e/2024-01-02/mlm")]


def test_inputs_that_arrive_or_go_make_stale(sound: Lake):
    write_bars(sound, "test.AAA", "1m", "2023-01", seed=0)
    sound.path(BARS_1M).unlink()
    (finding,) = verify(sound)
    assert (finding.kind, "is gone" in finding.reason) == ("stale", True)
    key = series_key("corporate_actions", "event", "test.AAA", "all")
    rows = sound.read(BARS_5M).select(["instrument"])
    sound.write(key, rows, ArrowContract("x", rows.schema), Lineage("1", "", {}))
    reasons = [each.reason for each in verify(sound) if each.kind == "stale"]
    assert any("and 1 more" in reason for reason in reasons)


def test_an_older_schema_is_found(sound: Lake):
    rows = sound.read(BARS_5M).drop_columns(["split_factor"])
    contract = ArrowContract("bars", rows.schema)
    sound.write(BARS_5M, rows, contract, sound.footer(BARS_5M).lineage)
    assert ("older schema", str(BARS_5M)) in findings(sound)


def test_tokens_of_two_grammars_are_found(sound: Lake):
    rows = pa.table({"token": pa.array([1], pa.int8()), "other": pa.array([1], pa.int8())})
    newer = series_key("tokens", "5m", "test.AAA", "2023-02")
    sound.write(newer, rows, ArrowContract("tokens", rows.schema), Lineage("1", "", {}))
    assert findings(sound) == [("older schema", str(TOKENS))]
