from pathlib import Path

import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data import archives
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.unpacking_ahead import UnpackingAhead
from fints_pipeline_tests.data.archive_builders import good_zip, write


def test_what_was_expected_is_staged_once_and_like_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = [write(tmp_path / f"{name}.zip", good_zip(f"{name}.csv")) for name in "abc"]
    real, calls = archives.stage, []

    def counted(path: Path, *more: object) -> archives.StagedArchive:
        calls.append(path)
        return real(path, *more)

    monkeypatch.setattr(archives, "stage", counted)
    with UnpackingAhead(tmp_path / "staging", Limits()) as ahead:
        for path in (*paths[:2], paths[0]):
            ahead.expect(path)
        staged = [ahead.stage(path) for path in paths]
    assert sorted(calls) == paths
    assert [each.members[0].name for each in staged] == ["a.csv", "b.csv", "c.csv"]


def test_a_refusal_is_told_when_the_archive_is_asked_for(tmp_path: Path):
    bad, good = (
        write(tmp_path / "bad.zip", good_zip()[:-30]),
        write(tmp_path / "good.zip", good_zip()),
    )
    with UnpackingAhead(tmp_path / "staging", Limits()) as ahead:
        ahead.expect(bad)
        ahead.expect(good)
        with pytest.raises(ArchiveError):
            ahead.stage(bad)
        assert len(ahead.stage(good).members) == 1


def test_what_nobody_asks_for_leaves_nothing_half_done(tmp_path: Path):
    with UnpackingAhead(tmp_path / "staging", Limits()) as ahead:
        ahead.expect(write(tmp_path / "a.zip", good_zip()))
    for folder in (tmp_path / "staging").glob("*"):
        assert archives.staged_before(tmp_path / "staging", folder.name) is not None
