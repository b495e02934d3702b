import os
from pathlib import Path

import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.inbox import fingerprint, resolve, scan
from fints_pipeline_tests.data.archive_builders import good_zip, write


def test_scan_lists_archives_with_what_tells_them_apart(tmp_path: Path):
    write(tmp_path / "binance" / "b.zip", good_zip(), checksum=True)
    write(tmp_path / "A.ZIP", good_zip())
    write(tmp_path / "corporate_actions.csv", b"symbol\n")
    found = scan(tmp_path)
    assert [(each.relative, each.folder) for each in found.deliveries] == [
        ("A.ZIP", None),
        ("binance/b.zip", "binance"),
        ("corporate_actions.csv", None),
    ]
    archive = found.deliveries[1]
    assert archive.size == len(good_zip())
    assert archive.mtime_ns == (tmp_path / "binance" / "b.zip").stat().st_mtime_ns
    assert len(archive.sidecars) == 1
    assert found.deliveries[0].sidecars == ()
    assert (found.refused, found.unfinished, found.ignored) == ([], [], [])


def test_what_is_no_archive_is_told_and_what_is_hidden_is_not(tmp_path: Path):
    for name in ("readme.md", "x.7z", "alone.zip.CHECKSUM", ".DS_Store", ".git/x.zip"):
        write(tmp_path / name, b"x")
    found = scan(tmp_path)
    assert found.ignored == ["alone.zip.CHECKSUM", "readme.md", "x.7z"]
    assert found.deliveries == []


def test_every_kind_of_archive_and_checksum_file_is_seen(tmp_path: Path):
    names = ["a.zip", "b.tar.gz", "c.TGZ", "d.csv.gz", "e.csv", "f.parquet", "g.feather"]
    for name in names:
        write(tmp_path / name, b"x")
    for name in ("a.zip.sha256", "b.tar.gz.md5", "SHA256SUMS"):
        write(tmp_path / name, b"x")
    found = scan(tmp_path)
    assert [each.relative for each in found.deliveries] == names
    assert [len(each.sidecars) for each in found.deliveries] == [2, 2, 1, 1, 1, 1, 1]
    assert found.ignored == []


@pytest.mark.parametrize("suffix", [".tmp", ".part", ".crdownload", ".PARTIAL"])
def test_unfinished_files_are_left_alone(tmp_path: Path, suffix: str):
    write(tmp_path / f"x.zip{suffix}", b"x")
    write(tmp_path / "y.zip", good_zip())
    found = scan(tmp_path)
    assert found.unfinished == [f"x.zip{suffix}"]
    assert [each.relative for each in found.deliveries] == ["y.zip"]


def test_file_with_a_download_in_progress_beside_it_is_unfinished(tmp_path: Path):
    write(tmp_path / "x.zip", good_zip())
    write(tmp_path / "x.zip.aria2", b"x")
    assert scan(tmp_path).unfinished == ["x.zip", "x.zip.aria2"]


def test_fingerprint_follows_content_and_checksum_files(tmp_path: Path):
    write(tmp_path / "x.zip", good_zip())
    seen = {fingerprint(tmp_path)}
    assert fingerprint(scan(tmp_path)) in seen
    write(tmp_path / "x.zip", good_zip(), checksum=True)
    seen.add(fingerprint(tmp_path))
    os.utime(tmp_path / "x.zip", (5, 5))
    seen.add(fingerprint(tmp_path))
    (tmp_path / "gone.zip").symlink_to("nowhere")
    seen.add(fingerprint(tmp_path))
    write(tmp_path / "y.zip", good_zip())
    seen.add(fingerprint(tmp_path))
    write(tmp_path / "note.txt", b"x")
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 5


def test_links_are_followed_but_not_in_circles(tmp_path: Path):
    real = tmp_path / "elsewhere"
    write(real / "x.zip", good_zip())
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "data").symlink_to(real)
    (real / "back").symlink_to(inbox)
    (real / "self").symlink_to(real)
    assert [each.relative for each in scan(inbox).deliveries] == ["data/x.zip"]


def test_broken_links_are_refused_one_by_one(tmp_path: Path):
    (tmp_path / "gone.zip").symlink_to(tmp_path / "nowhere.zip")
    (tmp_path / "loop.zip").symlink_to(tmp_path / "loop.zip")
    os.mkfifo(tmp_path / "pipe.zip")
    write(tmp_path / "x.zip", good_zip())
    found = scan(tmp_path)
    reasons = {relative: error.what for relative, error in found.refused}
    assert "broken symbolic link" in reasons["gone.zip"]
    assert "leads to itself" in reasons["loop.zip"]
    assert reasons["pipe.zip"] == "not a regular file"
    assert [each.relative for each in found.deliveries] == ["x.zip"]


def test_name_that_is_not_utf8_is_printable(tmp_path: Path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.zip")).write_bytes(good_zip())
    (delivery,) = scan(tmp_path).deliveries
    assert delivery.relative == "\\xff.zip"
    assert delivery.path.read_bytes() == good_zip()


@pytest.mark.parametrize("spelling", ["@data", "data", "./data/", "models/../data"])
def test_folder_spellings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str):
    (tmp_path / "data").mkdir()
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve(spelling).resolve() == (tmp_path / "data").resolve()


def test_folder_that_is_really_called_at_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "@data").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("@data").name == "@data"


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~") == resolve("@~") == tmp_path


def test_wrong_folders_say_why(tmp_path: Path):
    with pytest.raises(ArchiveError, match="no such folder"):
        scan(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    with pytest.raises(ArchiveError, match=r"broken symbolic link.*unmounted"):
        scan(tmp_path / "link")
    with pytest.raises(ArchiveError, match=r"broken symbolic link.*unmounted"):
        scan(tmp_path / "link" / "binance")
    write(tmp_path / "x.zip", good_zip())
    with pytest.raises(ArchiveError, match="not a folder"):
        scan(tmp_path / "x.zip")


def test_dead_mount_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def dead(*_: object, **__: object) -> None:
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(os, "scandir", dead)
    with pytest.raises(ArchiveError, match="the drive does not answer"):
        scan(tmp_path)
