"""The backfill command and the inbox."""

import dagster as dg
import pytest

from fints_pipeline.backfill import main
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.defs.launch import Launcher


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, locations: Locations) -> None:
    """Name the test's folders to the command."""
    monkeypatch.setenv("FINTS_LAKE", str(locations.lake_root))
    monkeypatch.setenv("FINTS_INBOX", str(locations.inbox))
    monkeypatch.setenv("FINTS_CONFIGS", str(locations.configs))


def test_a_dry_run_tells_what_is_to_be_ingested_and_stages_nothing(
    market: Locations, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(
        path.name
        for path in (market.inbox / "synthetic").glob("*")
        if path.suffix in (".csv", ".zip")
    )
    assert main(["--dry-run", "--symbols", "EDGE"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{len(files)} files in the inbox are to be ingested first: ")
    assert f"synthetic/{files[0]}, " in first
    assert first.endswith(f", and {len(files) - 5} more")
    assert last == "nothing of what is staged is stale"
    assert not market.lake.root.exists()


def test_left_alone_the_inbox_excuses_no_symbol(market: Locations, environment: None) -> None:
    with pytest.raises(KeyNotFoundError, match="EDGE"):
        main(["--dry-run", "--no-ingest", "--symbols", "EDGE"])


def test_symbols_that_are_yet_to_arrive_do_not_stand_for_all(
    staged, locations: Locations, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    make_market(locations.inbox / "synthetic", first_month="2024-09", last_month="2024-09")
    assert main(["--dry-run", "--symbols", "NEW"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["nothing of what is staged is stale"]


def test_a_missing_inbox_is_told_where_it_is_named_or_needed(
    staged,
    locations: Locations,
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def told(*arguments: str) -> str:
        main(["--dry-run", *arguments])
        return capsys.readouterr().err

    typo = locations.inbox.with_name("inbxo")
    monkeypatch.setenv("FINTS_INBOX", str(typo))
    assert told().startswith(f"warning: there is no inbox {typo}: put archives into {typo}/<data")
    assert told("--no-ingest") == ""
    monkeypatch.delenv("FINTS_INBOX")
    assert told() == ""  # it has data, and nobody named an inbox
    fresh = locations.inbox.with_name("fresh")
    monkeypatch.setenv("FINTS_LAKE", str(fresh))
    assert f"put archives into {fresh}/inbox/<dataset>/" in told()
    with pytest.raises(KeyNotFoundError):
        told("--symbols", "EDGE")
    assert "there is no inbox" in capsys.readouterr().err


def test_a_config_that_ingesting_would_end_by_is_told(
    market: Locations, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (market.configs / "limits.yaml").write_text("nonsense: 1\n")
    assert main(["--dry-run", "--symbols", "EDGE"]) == 1
    assert "FAILED inbox: " in capsys.readouterr().err


def test_what_is_staged_is_made_though_ingesting_fails(
    instance: dg.DagsterInstance,
    staged: Launcher,
    locations: Locations,
    environment: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    locations.inbox.mkdir()
    (locations.configs / "data" / "broken.yaml").write_text("nonsense: 1\n")
    assert main(["--symbols", "EDGE", "--to", "2024-07"]) == 1
    printed = capsys.readouterr()
    assert "FAILED ingest: " in printed.err
    assert "broken.yaml" in printed.err
    assert "partitions made" in printed.out
    assert locations.lake.months("tokens", "5m", "synthetic.EDGE") == ["2024-07"]
