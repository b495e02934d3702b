import json
import os
from pathlib import Path

import pytest

from fints_pipeline.base.errors import ArchiveError, ConfigError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data import archives, intake, staging
from fints_pipeline.data.action_files import action_key
from fints_pipeline.data.formats.histdata_m1 import HistdataM1
from fints_pipeline.data.inbox import scan
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.quarantine import Quarantine
from fints_pipeline.data.slices import slice_key, slices
from fints_pipeline.data.staging import stage_inbox, unstaged
from fints_pipeline_tests.data.archive_builders import (
    ARCHIVE,
    BAD_CONTENT,
    FIRST_MS,
    MALFORMED,
    MEMBER,
    good_zip,
    histdata,
    klines,
    write,
    zip_bytes,
)
from fints_pipeline_tests.data.datasets import binance, lean
from fints_pipeline_tests.data.datasets import histdata as fx
from fints_pipeline_tests.data.packed_builders import MALFORMED_KINDS

DAY_MS = 86_400_000
FX_MEMBER = "DAT_ASCII_EURUSD_M1_2018.csv"
FX_ZIP = zip_bytes({FX_MEMBER: histdata(["20180131 165900", "20180131 170000"])})


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def reason(report: staging.StagingReport) -> str:
    (record,) = report.quarantined
    return f"{record.reason} {record.evidence} {record.fix}"


def test_archives_become_slices(inbox: Path, lake: Lake):
    write(inbox / ARCHIVE, good_zip(content=klines(3, FIRST_MS + 31 * DAY_MS - 60_000)), True)
    write(inbox / "fx" / "HISTDATA_COM_ASCII_EURUSD_M12018.zip", FX_ZIP)
    report = stage_inbox(inbox, lake, [binance(), fx()])
    assert report.counts == {
        "accepted": 2,
        "unchanged": 0,
        "quarantined": 0,
        "unfinished": 0,
        "ignored": 0,
        "rows_read": 5,
        "partitions_changed": 4,
    }
    assert report.slices == slices(lake)
    assert sorted(report.slices) == [
        ("binance.BTCUSDT", "2023-01"),
        ("binance.BTCUSDT", "2023-02"),
        ("histdata.EURUSD", "2018-01"),
        ("histdata.EURUSD", "2018-02"),
    ]
    row = lake.read(slice_key("binance.BTCUSDT", "2023-01")).to_pylist()[0]
    assert row["close_time"].isoformat() == "2023-02-01T00:00:00+00:00"
    assert row["archive"] == report.accepted[0].sha256
    assert row["known_at"].timestamp() == pytest.approx((inbox / ARCHIVE).stat().st_mtime, abs=1e-5)
    assert {each.path: each.verified for each in report.accepted} == {
        ARCHIVE: True,
        "fx/HISTDATA_COM_ASCII_EURUSD_M12018.zip": False,
    }


def test_volume_is_null_where_the_dataset_has_none(inbox: Path, lake: Lake):
    write(inbox / "x.zip", FX_ZIP)
    stage_inbox(inbox, lake, [fx()])
    assert lake.read(slice_key("histdata.EURUSD", "2018-01")).column("volume").to_pylist() == [None]


def test_rescan_reads_nothing(inbox: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    write(inbox / ARCHIVE, good_zip())
    write(inbox / "bad.zip", b"no zip")
    first = stage_inbox(inbox, lake, [binance()])

    def forbidden(*_: object) -> None:
        raise AssertionError("an unchanged file was opened")

    monkeypatch.setattr(archives, "_open", forbidden)
    again = stage_inbox(inbox, lake, [binance()])
    assert [each.path for each in again.unchanged] == [ARCHIVE]
    assert again.quarantined == first.quarantined
    assert (again.accepted, again.changes) == ([], [])
    assert again.digest == first.digest


def test_what_would_be_read_is_told_without_reading_it(inbox: Path, lake: Lake):
    def told(*datasets) -> list[str]:
        found = unstaged(scan(inbox), lake, datasets or [binance()])
        return [each.relative for each in found]

    write(inbox / ARCHIVE, good_zip())
    write(inbox / "bad.zip", b"no zip")
    assert told() == [ARCHIVE, "bad.zip"]
    assert not lake.root.exists()
    report = stage_inbox(inbox, lake, [binance()])
    assert told() == []  # neither what was read nor what is refused
    assert told(binance(), fx()) == [ARCHIVE, "bad.zip"]
    write(inbox / "bad.zip", b"no zip either")
    assert told() == ["bad.zip"]
    stage_inbox(inbox, lake, [binance()])
    lake.remove(slice_key(*next(iter(report.slices))))
    assert told() == [ARCHIVE]


def test_losing_the_index_costs_a_reading_but_changes_nothing(inbox: Path, lake: Lake):
    write(inbox / ARCHIVE, good_zip())
    first = stage_inbox(inbox, lake, [binance()])
    (lake.root / "staging" / "index.json").write_text("{")
    again = stage_inbox(inbox, lake, [binance()])
    assert (len(again.unchanged), again.changes) == (1, [])
    assert again.digest == first.digest


def test_same_archive_under_another_name_is_one_entry(inbox: Path, lake: Lake):
    write(inbox / "a.zip", good_zip())
    write(inbox / "again" / "b.zip", good_zip())
    report = stage_inbox(inbox, lake, [binance()])
    assert (len(report.accepted), len(report.unchanged)) == (1, 1)
    assert lake.read(slice_key("binance.BTCUSDT", "2023-01")).num_rows == 5
    (inbox / "a.zip").rename(inbox / "c.zip")
    moved = stage_inbox(inbox, lake, [binance()])
    assert (len(moved.unchanged), moved.changes, moved.digest) == (2, [], report.digest)


def test_lost_slice_is_made_again(inbox: Path, lake: Lake):
    write(inbox / ARCHIVE, good_zip())
    before = stage_inbox(inbox, lake, [binance()]).slices
    lake.path(slice_key("binance.BTCUSDT", "2023-01")).unlink()
    assert stage_inbox(inbox, lake, [binance()]).slices == before


def test_other_rules_read_the_archive_anew(inbox: Path, lake: Lake):
    write(inbox / "x.zip", FX_ZIP)
    stage_inbox(inbox, lake, [fx()])
    report = stage_inbox(inbox, lake, [fx(timezone="EST", calendar="crypto_24_7")])
    assert [(each.month, each.rows) for each in report.changes] == [("2018-01", 2), ("2018-02", 0)]
    assert stage_inbox(inbox, lake, [fx(timezone="EST", calendar="crypto_24_7")]).changes == []


def test_new_version_of_a_format_reads_its_archives_anew(
    inbox: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    write(inbox / ARCHIVE, good_zip())
    write(inbox / "x.zip", FX_ZIP)
    stage_inbox(inbox, lake, [binance(), fx()])
    monkeypatch.setattr(HistdataM1, "version", 2)
    report = stage_inbox(inbox, lake, [binance(), fx()])
    assert [each.path for each in report.accepted] == ["x.zip"]
    assert [each.path for each in report.unchanged] == [ARCHIVE]


@pytest.mark.parametrize("case", ["wrong CRC", "traversal", "encrypted", "empty file"])
def test_bad_archive_is_quarantined_stays_and_stops_no_other(case: str, inbox: Path, lake: Lake):
    build, words = MALFORMED[case]
    bad = write(inbox / "binance" / "AAA-1m-2023-01.zip", build())
    write(inbox / "binance" / ARCHIVE, good_zip())
    report = stage_inbox(inbox, lake, [binance()])
    assert words in reason(report)
    assert [each.path for each in report.accepted] == [f"binance/{ARCHIVE}"]
    assert bad.read_bytes() == build()
    (record,) = report.quarantined
    content = json.loads((lake.root / "quarantine" / f"{record.key}.json").read_text())
    assert (content["path"], content["reason"]) == (record.path, record.reason)
    assert sorted(each.name for each in (lake.root / "staging").iterdir()) == sorted(
        [report.accepted[0].sha256, "index.json"]
    )


def test_every_malformed_file_at_once_stops_no_good_one(inbox: Path, lake: Lake):
    bad = {f"{number}/{ARCHIVE}": build for number, (build, _) in enumerate(MALFORMED.values())}
    for number, (name, build, _) in enumerate(MALFORMED_KINDS.values()):
        bad[f"kind{number}/{name}"] = build
    for relative, build in bad.items():
        write(inbox / relative, build())
    write(inbox / ARCHIVE, good_zip())
    report = stage_inbox(inbox, lake, [binance()], Limits(total_bytes=50_000, members=50))
    assert len(bad) > 115
    assert sorted(record.path for record in report.quarantined) == sorted(bad)
    assert all(record.reason for record in report.quarantined)
    assert [each.path for each in report.accepted] == [ARCHIVE]
    assert list(slices(lake)) == [("binance.BTCUSDT", "2023-01")]
    assert {path.name for path in (lake.root / "staging").iterdir()} == {
        "index.json", report.accepted[0].sha256
    }  # fmt: skip


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_bad_content_is_quarantined_with_its_place(case: str, inbox: Path, lake: Lake):
    content, words = BAD_CONTENT[case]
    write(inbox / "binance" / ARCHIVE, good_zip(content=content))
    report = stage_inbox(inbox, lake, [binance()])
    assert words in reason(report)
    assert MEMBER in reason(report)
    assert slices(lake) == {}
    write(inbox / "binance" / ARCHIVE, good_zip())
    assert len(stage_inbox(inbox, lake, [binance()]).accepted) == 1


def test_corrected_file_goes_through_and_settles_the_record(inbox: Path, lake: Lake):
    write(inbox / ARCHIVE, good_zip()[:-10])
    stage_inbox(inbox, lake, [binance()])
    assert len(Quarantine(lake.root).standing()) == 1
    write(inbox / ARCHIVE, good_zip())
    report = stage_inbox(inbox, lake, [binance()])
    assert (len(report.accepted), report.quarantined) == (1, [])
    assert Quarantine(lake.root).standing() == []
    assert len(list((lake.root / "quarantine").iterdir())) == 1


def test_record_stands_until_the_last_bad_copy_is_gone(inbox: Path, lake: Lake):
    for name in ("a.zip", "b.zip"):
        write(inbox / name, b"bad")
    stage_inbox(inbox, lake, [binance()])
    (inbox / "a.zip").unlink()
    assert [each.path for each in stage_inbox(inbox, lake, [binance()]).quarantined] == ["b.zip"]
    assert len(Quarantine(lake.root).standing()) == 1
    (inbox / "b.zip").unlink()
    assert stage_inbox(inbox, lake, [binance()]).quarantined == []
    assert Quarantine(lake.root).standing() == []


def test_wrong_checksum_refuses_until_it_is_mended(inbox: Path, lake: Lake):
    path = write(inbox / ARCHIVE, good_zip(), checksum=True)
    sidecar = path.with_name(path.name + ".CHECKSUM")
    right = sidecar.read_text()
    sidecar.write_text("0" * 64 + f"  {ARCHIVE}\n")
    assert "differs from its checksum" in reason(stage_inbox(inbox, lake, [binance()]))
    sidecar.write_text(right)
    assert stage_inbox(inbox, lake, [binance()]).accepted[0].verified is True


def test_mended_link_settles_its_record(inbox: Path, lake: Lake, tmp_path: Path):
    (inbox / ARCHIVE).symlink_to(tmp_path / "mount" / ARCHIVE)
    assert "broken symbolic link" in reason(stage_inbox(inbox, lake, [binance()]))
    write(tmp_path / "mount" / ARCHIVE, good_zip())
    report = stage_inbox(inbox, lake, [binance()])
    assert (len(report.accepted), report.quarantined) == (1, [])
    assert Quarantine(lake.root).standing() == []


def test_folder_decides_between_datasets_of_one_format(inbox: Path, lake: Lake):
    datasets = [binance(), binance("spot")]
    write(inbox / "spot" / ARCHIVE, good_zip())
    write(inbox / ARCHIVE, good_zip(content=klines(6)))
    report = stage_inbox(inbox, lake, datasets)
    assert [each.instruments for each in report.accepted] == [("spot.BTCUSDT",)]
    assert "fits 2 datasets: binance, spot" in reason(report)


def test_synthetic_dataset_takes_nothing_but_its_folder(inbox: Path, lake: Lake):
    datasets = [binance(), binance("made_up", synthetic=True)]
    write(inbox / ARCHIVE, good_zip())
    write(inbox / "made_up" / ARCHIVE, good_zip(content=klines(6)))
    report = stage_inbox(inbox, lake, datasets)
    found = {each.path: each.instruments for each in report.accepted}
    assert found == {ARCHIVE: ("binance.BTCUSDT",), f"made_up/{ARCHIVE}": ("made_up.BTCUSDT",)}


def test_no_dataset_fits_and_the_evidence_says_why(inbox: Path, lake: Lake):
    write(inbox / "x.zip", zip_bytes({"notes.csv": b"a,b\n1,2\n"}))
    text = reason(stage_inbox(inbox, lake, [binance(), fx()]))
    assert "fits none of the configured datasets" in text
    assert "binance (binance_klines): 'notes.csv': its header begins 'a,b'" in text
    assert "histdata (histdata_m1): 'notes.csv': first misfit: 1 semicolon-separated" in text


def test_archive_of_several_members_is_one_whole_or_nothing(inbox: Path, lake: Lake):
    later = klines(2, FIRST_MS + 31 * DAY_MS)
    members = {MEMBER: klines(), "ETHUSDT-1m-2023-02.csv": later, "readme.txt": b"hello"}
    write(inbox / "all.zip", zip_bytes(members))
    report = stage_inbox(inbox, lake, [binance()])
    assert report.accepted[0].instruments == ("binance.BTCUSDT", "binance.ETHUSDT")
    assert report.accepted[0].notes == ("passed over 'readme.txt'",)
    members["SOLUSDT-1m-2023-02.csv"] = later + b"1,2\n"
    write(inbox / "more.zip", zip_bytes(members))
    before = slices(lake)
    text = reason(stage_inbox(inbox, lake, [binance()]))
    assert "more.zip: SOLUSDT-1m-2023-02.csv, row 3" in text
    assert slices(lake) == before


def test_symbol_that_cannot_be_told_is_refused(inbox: Path, lake: Lake):
    write(inbox / "x.zip", good_zip("candles.csv"))
    assert "neither name holds a symbol" in reason(stage_inbox(inbox, lake, [binance()]))


def test_file_that_changes_meanwhile_is_left_alone(
    inbox: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    path = write(inbox / MEMBER, klines(3))
    real = archives.stage

    def grow(*arguments: object) -> archives.StagedArchive:
        staged = real(*arguments)
        path.write_bytes(klines(5))
        return staged

    monkeypatch.setattr(archives, "stage", grow)
    report = stage_inbox(inbox, lake, [binance()])
    assert (report.unfinished, report.accepted, slices(lake)) == ([MEMBER], [], {})
    monkeypatch.undo()
    assert stage_inbox(inbox, lake, [binance()]).accepted[0].rows == 5


def test_run_that_died_between_slices_is_mended(
    inbox: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    write(inbox / "x.zip", FX_ZIP)
    monkeypatch.setattr(intake, "_WRITERS", 1)
    real = lake.update
    calls = []

    def die(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(lake, "update", die)
    with pytest.raises(KeyboardInterrupt):
        stage_inbox(inbox, lake, [fx()])
    assert list(slices(lake)) == [("histdata.EURUSD", "2018-01")]
    monkeypatch.undo()
    # Read in another zone, all of it lies in February: the dead run's row has to leave January.
    stage_inbox(inbox, lake, [fx(timezone="Etc/GMT+12", calendar="crypto_24_7")])
    assert lake.read(slice_key("histdata.EURUSD", "2018-01")).num_rows == 0
    assert lake.read(slice_key("histdata.EURUSD", "2018-02")).num_rows == 2


def test_leftovers_of_killed_runs_are_removed(inbox: Path, lake: Lake):
    leftover = lake.root / "staging" / ".tmp-killed"
    write(leftover / "incoming", b"half")
    stage_inbox(inbox, lake, [binance()])
    assert not leftover.exists()


def test_actions_file_goes_to_its_folders_dataset(inbox: Path, lake: Lake):
    text = b"symbol,ex_date,kind,value\nBTCUSDT,2023-02-01,split,2\n"
    write(inbox / "binance" / "corporate_actions.csv", text)
    report = stage_inbox(inbox, lake, [binance(), fx()])
    assert report.slices == {}
    assert [(each.table, each.instrument) for each in report.changes] == [
        ("corporate_actions", "binance.BTCUSDT")
    ]
    assert lake.read(action_key("binance.BTCUSDT")).num_rows == 1
    assert stage_inbox(inbox, lake, [binance(), fx()]).counts["unchanged"] == 1
    write(inbox / "corporate_actions.csv", text + b"X,2023-02-01,split,2\n")
    assert "which dataset" in reason(stage_inbox(inbox, lake, [binance(), fx()]))


def test_actions_as_yaml_are_the_same_and_other_yaml_is_left_alone(inbox: Path, lake: Lake):
    text = b"- {symbol: BTCUSDT, ex_date: 2023-02-01, kind: split, value: 2}\n"
    write(inbox / "binance" / "corporate_actions.yaml", text)
    write(inbox / "binance" / "binance.yaml", b"dataset: {}\n")
    report = stage_inbox(inbox, lake, [binance(), fx()])
    assert report.ignored == ["binance/binance.yaml"]
    (row,) = lake.read(action_key("binance.BTCUSDT")).to_pylist()
    assert (row["kind"], row["value"], str(row["ex_date"])) == ("split", 2, "2023-02-01")
    csv = b"symbol,ex_date,kind,value\nBTCUSDT,2023-02-01,split,2\n"
    write(inbox / "binance" / "corporate_actions.csv", csv)
    again = stage_inbox(inbox, lake, [binance(), fx()])
    assert (again.changes, again.counts["accepted"]) == ([], 1)
    write(inbox / "binance" / "corporate_actions.yml", text.replace(b"2}", b"0}"))
    assert "0.0 is not a positive number" in reason(stage_inbox(inbox, lake, [binance(), fx()]))


def test_actions_file_without_rows_is_accepted_once(inbox: Path, lake: Lake):
    write(inbox / "binance" / "corporate_actions.csv", b"symbol,ex_date,kind,value\n")
    assert stage_inbox(inbox, lake, [binance()]).counts["accepted"] == 1
    assert stage_inbox(inbox, lake, [binance()]).counts["unchanged"] == 1


def test_first_delivery_dates_the_rows(inbox: Path, lake: Lake):
    for name, time in (("a.zip", 2_000_000_000), ("b.zip", 1_700_000_000)):
        os.utime(write(inbox / name, good_zip()), (time, time))
    stage_inbox(inbox, lake, [binance()])
    known = lake.read(slice_key("binance.BTCUSDT", "2023-01")).column("known_at").to_pylist()
    assert {each.timestamp() for each in known} == {1_700_000_000}


def test_contradicting_datasets_are_refused(inbox: Path, lake: Lake):
    with pytest.raises(ConfigError, match="two datasets are called"):
        stage_inbox(inbox, lake, [binance(), binance()])
    with pytest.raises(ConfigError, match="UTC epochs"):
        stage_inbox(inbox, lake, [binance(timezone="Europe/London")])
    with pytest.raises(ConfigError, match="histdata_m1"):
        stage_inbox(inbox, lake, [binance(format="histdata_m2")])
    with pytest.raises(ConfigError, match="holds bars of 1m"):
        stage_inbox(inbox, lake, [binance(base_frequency="5m", frequencies=("5m", "30m"))])
    with pytest.raises(ArchiveError, match="no such folder"):
        stage_inbox(inbox / "nowhere", lake, [binance()])


def test_report_shows_everything_and_cannot_be_broken_by_names(inbox: Path, lake: Lake):
    write(inbox / ARCHIVE, good_zip(), checksum=True)
    write(inbox / "a|b`<script>.zip", b"bad")
    write(inbox / "notes.md", b"x")
    write(inbox / "x.zip.part", b"x")
    text = stage_inbox(inbox, lake, [binance()]).as_markdown()
    assert "accepted 1 · unchanged 0 · quarantined 1 · unfinished 1 · ignored 1" in text
    assert "does not begin as a zip does" in text
    assert "<script>" not in text.replace("\\<", "")
    assert f"| {ARCHIVE} | binance | binance.BTCUSDT | 5 | verified |  |" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} <= {3, 5, 7}


def test_records_of_intake_survive_damage(inbox: Path, lake: Lake):
    write(inbox / ARCHIVE, good_zip())
    (done,) = stage_inbox(inbox, lake, [binance()]).accepted
    (lake.root / "staging" / done.sha256 / "taken-binance.json").write_text('{"rules": 1}')
    (lake.root / "staging" / "index.json").unlink()
    again = stage_inbox(inbox, lake, [binance()])
    assert (len(again.accepted), again.changes) == (1, [])


def test_a_file_beside_the_bars_is_ignored_once_and_again(inbox: Path, lake: Lake):
    write(inbox / "reports.csv", b"symbol,amend\nA,False\n")
    pystock = lean("pystock", format="pystock")
    for _ in range(2):
        report = stage_inbox(inbox, lake, [pystock])
        assert (report.ignored, report.accepted, report.quarantined) == (["reports.csv"], [], [])


def test_daily_bars_and_their_actions(inbox: Path, lake: Lake):
    bars = b"20140606 00:00,6499000,6512000,6444700,6455700,1\n20140609 00:00,1,2,1,2,1\n"
    write(inbox / "aapl.zip", zip_bytes({"aapl.csv": bars}))
    write(inbox / "factors" / "aapl.csv", b"20140606,0.87,0.1428571,645.57\n20501231,0.87,1,0\n")
    report = stage_inbox(inbox, lake, [lean(), binance()])
    assert report.quarantined == []
    assert list(report.slices) == [("lean.AAPL", "2014-06")]
    rows = lake.read(slice_key("lean.AAPL", "2014-06", "1D")).to_pylist()
    assert [row["open_time"].isoformat() for row in rows] == [
        "2014-06-06T13:30:00+00:00", "2014-06-09T13:30:00+00:00"]  # fmt: skip
    assert rows[0]["close_time"].isoformat() == "2014-06-06T20:00:00+00:00"
    (split,) = lake.read(action_key("lean.AAPL")).to_pylist()
    assert (split["kind"], split["value"], str(split["ex_date"])) == ("split", 7.0, "2014-06-09")
    assert stage_inbox(inbox, lake, [lean(), binance()]).counts["unchanged"] == 2


def test_a_day_under_one_stamp_is_quarantined(inbox: Path, lake: Lake):
    write(inbox / "x.zip", zip_bytes({FX_MEMBER: histdata(["20180131 000000"] * 9)}))
    assert "all 9 bars of 2018-01-31 carry one stamp" in reason(stage_inbox(inbox, lake, [fx()]))
    assert slices(lake) == {}


def test_batches_do_not_change_what_is_written(
    inbox: Path, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(4):
        content = klines(6, FIRST_MS + 120_000 * number, price=50 + number)
        os.utime(write(inbox / f"{number}.zip", good_zip(content=content)), (10**9 + number,) * 2)
    stage_inbox(inbox, lake, [binance()])
    monkeypatch.setattr(staging, "MOST_ROWS", 0)
    other = Lake(tmp_path / "one_by_one")
    stage_inbox(inbox, other, [binance()])
    assert slices(other) == slices(lake)


def test_progress_is_told_of_every_file(inbox: Path, lake: Lake):
    for name in ("a.zip", "b.zip"):
        write(inbox / name, good_zip())
    told: list[tuple[int, int, str]] = []
    stage_inbox(inbox, lake, [binance()], progress=lambda *each: told.append(each))
    assert sorted(told) == [(1, 2, told[0][2]), (2, 2, told[1][2])]
    assert {each[2] for each in told} == {"a.zip", "b.zip"}
