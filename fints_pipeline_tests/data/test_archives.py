import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import ArchiveError, LakeError
from fints_pipeline.data import archives, unpacking, zip_directory
from fints_pipeline.data.limits import Limits
from fints_pipeline_tests.data.archive_builders import (
    ARCHIVE,
    MALFORMED,
    MEMBER,
    bomb,
    good_zip,
    gz,
    klines,
    nested,
    write,
    zip_bytes,
)
from fints_pipeline_tests.data.packed_builders import (
    MALFORMED_KINDS,
    feather,
    parquet,
    pax,
    tgz,
)

SMALL = Limits(total_bytes=50_000, members=50)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_archives_are_refused_clearly_and_leave_nothing(case: str, tmp_path: Path):
    build, words = MALFORMED[case]
    path = write(tmp_path / ARCHIVE, build())
    with pytest.raises(ArchiveError) as refusal:
        archives.stage(path, tmp_path / "staging", SMALL)
    assert words in str(refusal.value)
    assert files_below(tmp_path / "staging") == []
    assert [each.name for each in (tmp_path / "staging").glob("*")] == []
    write(path, good_zip())
    assert archives.stage(path, tmp_path / "staging", SMALL).members[0].name == MEMBER


@pytest.mark.parametrize("case", MALFORMED_KINDS)
def test_malformed_files_of_every_other_kind_are_refused(case: str, tmp_path: Path):
    name, build, words = MALFORMED_KINDS[case]
    path = write(tmp_path / name, build())
    with pytest.raises(ArchiveError) as refusal:
        archives.stage(path, tmp_path / "staging", SMALL)
    assert words in str(refusal.value)
    assert list((tmp_path / "staging").glob("*")) == []


@pytest.mark.parametrize(
    ("name", "content", "members"),
    [
        ("x.tar.gz", tgz({"./d/a.csv": klines(), "b.csv": klines(9)}), ["./d/a.csv", "b.csv"]),
        ("x.TGZ", pax({"a" * 120 + ".csv": klines()}, {"comment": "ä"}), ["a" * 120 + ".csv"]),
        ("x.tar.gz", tgz({"d/" * 60 + "a.csv": klines()}), ["d/" * 60 + "a.csv"]),
        ("X.csv.gz", gz(klines()), ["X.csv"]),
        ("X.csv.gz", gz(klines()[:99]) + gz(klines()[99:]), ["X.csv"]),
        ("X.parquet", parquet(), ["X.parquet"]),
        ("X.feather", feather(), ["X.feather"]),
        ("x.zip", nested(1), [f"inner.zip/{MEMBER}"]),
        ("x.zip", zip_bytes({"d/a.csv.gz": gz(klines())}), ["d/a.csv.gz/a.csv"]),
        ("x.tar.gz", tgz({"a.zip": good_zip(), "b.csv": klines(9)}), [f"a.zip/{MEMBER}", "b.csv"]),
    ],
)
def test_every_kind_is_taken(name: str, content: bytes, members: list[str], tmp_path: Path):
    staged = archives.stage(write(tmp_path / name, content), tmp_path / "staging", SMALL)
    assert [each.name for each in staged.members] == members
    first = staged.path(staged.members[0]).read_bytes()
    assert first == (klines() if "csv" in members[0] else content)
    assert len(files_below(staged.folder)) == len(members) + 1


def test_members_lie_under_their_digest_and_names_are_metadata(tmp_path: Path):
    content = {"deep/down/a.csv": klines(), "b.csv": klines(9), "same.csv": klines()}
    path = write(tmp_path / "x.zip", zip_bytes(content))
    staged = archives.stage(path, tmp_path / "staging")
    assert staged.folder.name == staged.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [member.name for member in staged.members] == list(content)
    for member in staged.members:
        assert staged.path(member).read_bytes() == content[member.name]
    assert len(files_below(staged.folder)) == 3  # two distinct members and the manifest


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_members_are_taken(method: int, tmp_path: Path):
    path = write(tmp_path / "x.zip", zip_bytes({"a.csv": klines()}, method))
    staged = archives.stage(path, tmp_path / "staging")
    assert staged.path(staged.members[0]).read_bytes() == klines()


def test_zip64_is_taken(tmp_path: Path):
    path = tmp_path / "x.zip"
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open("a.csv", "w", force_zip64=True) as member,
    ):
        member.write(klines())
    assert archives.stage(path, tmp_path / "staging").members[0].size == len(klines())


def test_staging_is_idempotent_whatever_the_name(tmp_path: Path):
    first = write(tmp_path / "a.zip", good_zip())
    second = write(tmp_path / "b.zip", good_zip())
    os.utime(second, (1, 1))
    staged = archives.stage(first, tmp_path / "staging")
    before = {path: path.stat().st_mtime_ns for path in files_below(tmp_path / "staging")}
    again = archives.stage(second, tmp_path / "staging")
    assert again == staged
    assert {p: p.stat().st_mtime_ns for p in files_below(tmp_path / "staging")} == before


def test_plain_csv_is_one_member_of_itself(tmp_path: Path):
    path = write(tmp_path / MEMBER, klines())
    staged = archives.stage(path, tmp_path / "staging")
    assert [(m.name, m.size) for m in staged.members] == [(MEMBER, len(klines()))]


def test_csv_that_is_a_zip_is_refused(tmp_path: Path):
    path = write(tmp_path / MEMBER, good_zip())
    with pytest.raises(ArchiveError, match=r"itself an archive \(zip\)"):
        archives.stage(path, tmp_path / "staging")


@pytest.mark.parametrize(
    ("build", "limits", "unchecked"),
    [
        (bomb, Limits(), "_check_member"),
        (lambda: zip_bytes({f"{i}.csv": klines(400) for i in range(3)}), SMALL, "_check_total"),
    ],
)
def test_limits_count_bytes_while_inflating_not_headers_alone(
    build: Callable[[], bytes],
    limits: Limits,
    unchecked: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(zip_directory, unchecked, lambda *_: None)
    path = write(tmp_path / "x.zip", build())
    with pytest.raises(ArchiveError, match="inflates to more than the"):
        archives.stage(path, tmp_path / "staging", limits)
    assert list((tmp_path / "staging").iterdir()) == []


def test_plain_csv_is_held_to_the_limit(tmp_path: Path):
    path = write(tmp_path / MEMBER, klines(1000))
    with pytest.raises(ArchiveError, match="more than the 50000 bytes"):
        archives.stage(path, tmp_path / "staging", SMALL)


def test_limits_can_be_raised(tmp_path: Path):
    path = write(tmp_path / "x.zip", bomb(3_000_000))
    generous = Limits(ratio=5000)
    assert archives.stage(path, tmp_path / "staging", generous).members[0].size == 3_000_000


@pytest.mark.parametrize("published", [False, True])
def test_damaged_staging_is_staged_again(published: bool, tmp_path: Path):
    path = write(tmp_path / "x.zip", good_zip())
    staged = archives.stage(path, tmp_path / "staging")
    member = staged.path(staged.members[0])
    if published:
        (staged.folder / archives.MANIFEST).write_text("{")
    else:
        member.unlink()
    again = archives.stage(path, tmp_path / "staging")
    assert again.path(again.members[0]).read_bytes() == klines()


def test_rotten_member_is_not_read(tmp_path: Path):
    path = write(tmp_path / "x.zip", good_zip())
    archives.stage(path, tmp_path / "staging")
    staged = archives.stage(path, tmp_path / "staging")
    (staged.folder / staged.members[0].sha256).write_bytes(b"?" * len(klines()))
    with pytest.raises(LakeError, match="missing or damaged"):
        staged.path(staged.members[0])


@pytest.mark.parametrize(
    ("place", "function", "survived"),
    [(archives, "_write_manifest", 0), (unpacking, "_refuse_nested", 1)],
)
def test_dying_midway_leaves_nothing(
    place: object, function: str, survived: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write(tmp_path / "x.zip", zip_bytes({"a.csv": klines(), "b.csv": klines(7)}))
    calls = []

    def die(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) > survived:
            raise KeyboardInterrupt

    monkeypatch.setattr(place, function, die)
    with pytest.raises(KeyboardInterrupt):
        archives.stage(path, tmp_path / "staging")
    assert list((tmp_path / "staging").iterdir()) == []
    monkeypatch.undo()
    assert len(archives.stage(path, tmp_path / "staging").members) == 2


def test_full_disk_is_the_lakes_fault_not_the_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "_write_manifest", full)
    with pytest.raises(LakeError, match="No space left"):
        archives.stage(write(tmp_path / "x.zip", good_zip()), tmp_path / "staging")


def test_pipe_is_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(ArchiveError, match="not a regular file"):
        archives.stage(tmp_path / "x.zip", tmp_path / "staging")


def test_manifest_holds_names_sizes_and_delivery_time(tmp_path: Path):
    path = write(tmp_path / "x.zip", good_zip())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    staged = archives.stage(path, tmp_path / "staging")
    manifest = json.loads((staged.folder / archives.MANIFEST).read_text())
    assert manifest["known_at"] == "2023-11-14T22:13:20+00:00"
    assert manifest["members"] == [
        {"name": MEMBER, "sha256": hashlib.sha256(klines()).hexdigest(), "size": len(klines())}
    ]


BASES = [
    tgz({"a.csv": klines(), "b/c.csv": klines(9)}),
    good_zip(),
    zip_bytes({"a/b.csv": klines(40), "c.txt": b"note"}, zipfile.ZIP_STORED),
]


@settings(max_examples=150)
@given(
    base=st.sampled_from(BASES),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.one_of(st.none(), st.integers(1, 400)),
)
def test_no_damage_leaks_another_error(
    tmp_path_factory: pytest.TempPathFactory,
    base: bytes,
    edits: list[tuple[int, int]],
    cut: int | None,
):
    folder = tmp_path_factory.mktemp("fuzz")
    content = bytearray(base)
    for at, value in edits:
        content[at % len(content)] = value
    name = "x.zip" if base.startswith(b"PK") else "x.tar.gz"
    path = write(folder / name, bytes(content[:-cut] if cut else content))
    try:
        staged = archives.stage(path, folder / "staging", SMALL)
    except ArchiveError:
        assert files_below(folder) == [path]
    else:
        for member in staged.members:
            staged.path(member)
