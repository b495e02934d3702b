"""Exogenous series and news from the inbox, under the rules that archives of bars are under."""

import hashlib
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.__main__ import main
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.exogenous import ExogenousConfig, raw_key_of, series_key_of
from fints_pipeline.data.limits import Limits, load_limits
from fints_pipeline.data.maintenance import find_garbage
from fints_pipeline.data.news import NewsConfig, subjects
from fints_pipeline.data.outside import Outside, load_outside
from fints_pipeline.data.outside_building import build_stale
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.data.staging_report import StagingReport
from fints_pipeline_tests.data.datasets import binance

RATE = ExogenousConfig(
    name="rate", period="date", values={"value": "RATE"}, publication_lag_minutes=60
)
FEAR = ExogenousConfig(
    name="fear", period="DATE", values={"close": "CLOSE"}, files="(?i)^fear"
)  # fmt: skip
WIRE = NewsConfig(name="wire", time="at", text="headline", symbol="ticker")
OTHERS = Outside((RATE, FEAR), (WIRE,))
RATES = "date,RATE\n2024-01-02,5\n2024-01-03,5.1\n"
HEADLINE = {"ticker": "BAC", "at": "2024-07-01T13:30:00Z", "headline": "Strong growth"}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put(path: Path, content: str | bytes, delivered: str = "2024-02-01") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    moment = pd.Timestamp(delivered, tz="UTC").timestamp()
    os.utime(path, (moment, moment))
    return path


def stage(
    inbox: Path, lake: Lake, others: Outside = OTHERS, datasets: tuple[DatasetConfig, ...] = ()
) -> StagingReport:
    return stage_inbox(inbox, lake, datasets or [binance()], others=others)


def test_files_are_staged_by_content_and_once(inbox: Path, lake: Lake):
    put(inbox / "rates.csv", RATES)
    put(inbox / "fear-index.csv", "DATE,CLOSE\n2024-01-02,13\n")
    put(inbox / "headlines.jsonl", json.dumps(HEADLINE))
    report = stage(inbox, lake)
    assert {each.dataset for each in report.accepted} == {
        "exogenous.rate", "exogenous.fear", "news.wire",
    }  # fmt: skip
    assert {change.table for change in report.changes} == {"raw_exogenous", "raw_news"}
    assert not report.slices
    built = build_stale(lake, OTHERS)
    assert (built.series, built.news) == ({"rate": 2, "fear": 1}, {"wire.BAC": (1, 1)})
    # The same again, one of them under another name as well: nothing is read, nothing changes.
    put(inbox / "again.csv", RATES, "2024-03-01")
    report = stage(inbox, lake)
    assert (report.counts["unchanged"], report.counts["rows_read"]) == (4, 0)
    assert build_stale(lake, OTHERS).series == {}
    assert not find_garbage(lake, min_age_hours=0)


def test_a_restated_file_makes_the_series_stale_and_keeps_the_old_value(inbox: Path, lake: Lake):
    put(inbox / "rates.csv", RATES)
    stage(inbox, lake)
    build_stale(lake, OTHERS)
    put(inbox / "rates.csv", RATES.replace("5.1", "5.2"), "2024-02-10")
    (change,) = stage(inbox, lake).changes
    assert (change.table, change.instrument, change.rows) == ("raw_exogenous", "rate", 4)
    assert build_stale(lake, OTHERS).series == {"rate": 3}
    rows = to_pandas(lake.read(series_key_of(RATE)))
    assert rows["value"].tolist() == [5.0, 5.1, 5.2]
    assert rows["known_at"].dt.strftime("%m-%d %H").tolist() == ["01-02 01", "01-03 01", "02-10 00"]


def test_archives_and_sidecars(inbox: Path, lake: Lake):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "date,RATE\n2024-01-02,5\n")
        archive.writestr("b.csv", "date,RATE\n2024-01-03,5\n")
        archive.writestr("README.txt", "about them")
    put(inbox / "rates.zip", packed.getvalue())
    good = hashlib.sha256(packed.getvalue()).hexdigest()
    put(inbox / "rates.zip.sha256", f"{good}  rates.zip\n")
    put(inbox / "fear.csv", "DATE,CLOSE\n2024-01-02,13\n")
    put(inbox / "fear.csv.sha256", f"{'0' * 64}  fear.csv\n")
    report = stage(inbox, lake)
    assert [(each.dataset, each.rows, each.verified) for each in report.accepted] == [
        ("exogenous.rate", 2, True)
    ]
    (refused,) = report.quarantined
    assert (refused.path, refused.kind) == ("fear.csv", "ArchiveError")
    assert "checksum" in refused.reason
    assert not lake.exists(raw_key_of(FEAR))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rates.csv", "date,RATE\n2024-01-02,five\n", "'five' is not a number"),
        ("rates.csv", "date,RATE\n02.01.2024,5\n", "is not written as %Y-%m-%d"),
        ("rates.csv", "date,RATE\n2024-01-02,5\n2024-01-02,6\n", "stands in the file twice"),
        ("rates.csv", "date,RATE\n2024-01-02,5,1\n", "3 cells where 2 are expected"),
        ("rates.csv", "date,RATE\n", "no rows"),
        ("rates.parquet", b"PAR1 broken PAR1", "the file is damaged"),
        ("any.feather", b"ARROW1\0\0 broken ARROW1", "the file is damaged"),
        ("any.csv", "", "the file is empty"),
        ("any.csv", " \n\n", "the file is empty"),
        ("any.csv", "x,y\n1,2\n".encode("utf-16"), "the file is UTF-16 text"),
        ("any.csv", b"x,y\n1,\x002\n", "the file is not text"),
        ("any.csv", "x,y\n", "the file holds a header and no rows"),
        ("fear.csv", "DATE,OPEN\n2024-01-02,13\n", "series fear: 'fear.csv': no column 'CLOSE'"),
        ("fear/any.csv", "DATE,OPEN\n2024-01-02,13\n", "not what series 'fear' expects"),
        ("wire/any.csv", "ticker,at\nBAC,2024-01-02\n", "no column 'headline'"),
        ("a.jsonl", json.dumps(HEADLINE) + "\n{", "not an item of wire"),
        ("a.jsonl", json.dumps(HEADLINE | {"at": "noon"}), "'noon' is not written as ISO 8601"),
        ("a.jsonl", json.dumps(HEADLINE | {"headline": 3}), "neither a text nor a list of words"),
        ("unknown.csv", "x,y\n1,2\n", "fits none of the configured datasets"),
    ],
)
def test_a_bad_file_is_quarantined_with_its_reason_and_stops_no_other(
    inbox: Path, lake: Lake, name: str, content: str | bytes, told: str
):
    put(inbox / name, content)
    put(inbox / "fear-good.csv", "DATE,CLOSE\n2024-01-02,13\n")
    report = stage(inbox, lake)
    (refused,) = report.quarantined
    assert refused.path == name
    assert told in f"{refused.reason} {refused.evidence}"
    assert len(report.accepted) == 1
    assert not lake.exists(raw_key_of(RATE))
    assert not subjects(lake)
    assert "Traceback" not in report.as_markdown()
    # Mended, it goes through, and the refusal is settled.
    (inbox / name).unlink()
    put(inbox / "rates.csv", RATES)
    report = stage(inbox, lake)
    assert (report.counts["accepted"], report.counts["quarantined"]) == (1, 0)


def test_two_that_fit_are_told_apart_by_folder_or_by_name(inbox: Path, lake: Lake):
    other = RATE.model_copy(update={"name": "other_rate"})
    others = Outside((RATE, other))
    put(inbox / "rates.csv", RATES)
    (refused,) = stage(inbox, lake, others).quarantined
    assert "fits 2 series or sources of news: rate, other_rate" in refused.reason
    assert "`files:`" in str(refused.fix)
    (inbox / "rates.csv").unlink()
    put(inbox / "other_rate" / "rates.csv", RATES)
    assert [each.dataset for each in stage(inbox, lake, others).accepted] == [
        "exogenous.other_rate"
    ]
    named = other.model_copy(update={"name": "named", "files": "^ecb"})
    put(inbox / "ecb-rates.csv", RATES + "2024-01-04,4\n")
    report = stage(inbox, lake, Outside((RATE, named)))
    assert [each.dataset for each in report.accepted if each.path == "ecb-rates.csv"] == [
        "exogenous.named"
    ]


def test_a_file_that_bars_claim_too_is_refused(inbox: Path, lake: Lake):
    columns = "open_time,open,high,low,close,volume"
    bars = DatasetConfig(
        name="mine",
        format="custom",
        layout={
            "columns": {name: name for name in columns.split(",")[1:]} | {"time": "open_time"},
            "symbol_pattern": "^([A-Z]+)",
        },
        calendar="crypto_24_7",
        asset_class="crypto",
        ticks={"*": 0.01},
    )
    greedy = ExogenousConfig(
        name="greedy", period="open_time", values={"close": "close"}, period_format="%Y-%m-%d %H:%M"
    )
    put(inbox / "AAA.csv", f"{columns}\n2024-01-02 00:00,1,1,1,1,1\n2024-01-02 00:01,1,1,1,1,1\n")
    (refused,) = stage(inbox, lake, Outside((greedy,)), (bars,)).quarantined
    assert refused.reason == "the content fits data set 'mine' and series 'greedy'"
    named = greedy.model_copy(update={"files": "AAA"})
    assert stage(inbox, lake, Outside((named,)), (bars,)).counts["accepted"] == 1


def test_a_changed_config_reads_staged_files_again_without_the_inbox(inbox: Path, lake: Lake):
    path = put(inbox / "rates.csv", "date,RATE,OTHER\n2024-01-02,5,7\n")
    stage(inbox, lake)
    path.unlink()
    both = RATE.model_copy(update={"values": {"value": "RATE", "other": "OTHER"}})
    assert [change.rows for change in stage(inbox, lake, Outside((both,))).changes] == [1]
    assert lake.read(raw_key_of(both)).column("other").to_pylist() == [7.0]
    wrong = RATE.model_copy(update={"values": {"value": "ABSENT"}})
    (refused,) = stage(inbox, lake, Outside((wrong,))).quarantined
    assert refused.path == "configs/exogenous/rate.yaml"
    assert "no column 'ABSENT'" in refused.reason
    assert lake.read(raw_key_of(both)).column("other").to_pylist() == [7.0]
    assert not stage(inbox, lake, Outside((both,))).quarantined


def test_configs_are_read_from_their_folders(tmp_path: Path, project: Path):
    there = load_outside(Locations(tmp_path, tmp_path, project / "configs"))
    assert "vix" in [config.name for config in there.series]
    assert "stocknet" in [config.name for config in there.news]
    folder = tmp_path / "exogenous"
    folder.mkdir()
    text = (project / "configs" / "exogenous" / "vix.yaml").read_text()
    (folder / "vxn.yaml").write_text(text)
    with pytest.raises(ConfigError, match="called 'vxn', but what it describes 'vix'"):
        load_outside(Locations(tmp_path, tmp_path, tmp_path))


def test_inspect_tells_which_series_takes_a_file(
    inbox: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: Path
):
    monkeypatch.setenv("FINTS_CONFIGS", str(project / "configs"))
    path = put(inbox / "any.csv", "DATE,OPEN,HIGH,LOW,CLOSE\n2024-01-02,1,1,1,1\n")
    main(["inspect", str(path)])
    said = capsys.readouterr().out
    assert "yes vix              has the columns of its config" in said
    assert "no  stocknet         no column 'created_at' (has DATE, OPEN" in said
    assert "data sets, series and news that take it: vix" in said
    assert "open:" not in said, "it is not guessed to be bars"


def test_a_project_sets_limits_of_its_own(inbox: Path, lake: Lake, tmp_path: Path, project: Path):
    there = Locations(tmp_path, inbox, project / "configs")
    assert load_limits(there) == Limits()
    (tmp_path / "limits.yaml").write_text("members: 1\n")
    limits = load_limits(Locations(tmp_path, inbox, tmp_path))
    put(inbox / "wire.tar.gz", tar({"n/a": json.dumps(HEADLINE), "n/b": json.dumps(HEADLINE)}))
    (refused,) = stage_inbox(inbox, lake, [binance()], limits, others=OTHERS).quarantined
    assert refused.reason == "the archive has more than the limit of 1 members"
    assert stage(inbox, lake).counts["accepted"] == 1


def tar(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


def test_what_lies_beside_items_is_passed_over(inbox: Path, lake: Lake):
    members = {"n/LICENSE": "free", "n/a": json.dumps(HEADLINE), "n/empty": ""}
    put(inbox / "wire.tar.gz", tar(members))
    (accepted,) = stage(inbox, lake).accepted
    assert (accepted.rows, accepted.instruments) == (1, ("wire.BAC",))


@pytest.mark.shared_data
def test_vix_and_tweets_through_the_inbox(
    shared_data: Path, inbox: Path, lake: Lake, project: Path, tmp_path: Path
):
    for path in (
        shared_data / "exogenous" / "vix-daily.csv",
        shared_data / "exogenous" / "datapackage.json",
        shared_data / "news" / "stocknet" / "tweets_AAPL_AMZN_BAC.tar.gz",
    ):
        (inbox / path.name).symlink_to(path)
    others = load_outside(Locations(tmp_path, inbox, project / "configs"))
    report = stage(inbox, lake, others)
    assert [(each.dataset, each.rows) for each in sorted(report.accepted, key=str)] == [
        ("news.stocknet", 27_110), ("exogenous.vix", 9_235),
    ]  # fmt: skip
    assert report.ignored == ["datapackage.json"]
    built = build_stale(lake, others)
    assert built.series == {"vix": 9_235}
    assert sum(items for _, items in built.news.values()) == 26_995
    assert stage(inbox, lake, others).counts["unchanged"] == 2
