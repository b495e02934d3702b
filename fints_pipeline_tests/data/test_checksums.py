import hashlib
from pathlib import Path

import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.checksums import verify

CONTENT = b"whatever"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "X-1m-2023-01.zip"
    path.write_bytes(CONTENT)
    return path


def sidecar(archive: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    archive.with_name(archive.name + ".CHECKSUM").write_bytes(data)


@pytest.mark.parametrize(
    "line",
    [
        f"{DIGEST}  X-1m-2023-01.zip\n",
        f"{DIGEST}  X-1m-2023-01.zip",
        f"{DIGEST.upper()} *X-1m-2023-01.zip\r\n",
    ],
)
def test_matching_sidecar_vouches(archive: Path, line: str):
    sidecar(archive, line)
    assert verify(archive, DIGEST) is True


def test_without_sidecar_nothing_vouches(archive: Path):
    assert verify(archive, DIGEST) is False


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{'0' * 64}  X-1m-2023-01.zip\n", "differs from its checksum"),
        (f"{DIGEST}  Y-1m-2023-01.zip\n", "vouches for another file"),
        (f"{DIGEST}  ../X-1m-2023-01.zip\n", "vouches for another file"),
        (f"{DIGEST[:-1]}  X-1m-2023-01.zip\n", "not one line of a SHA-256"),
        (f"{DIGEST}\n", "not one line of a SHA-256"),
        (f"{DIGEST}  X-1m-2023-01.zip\n" * 2, "not one line of a SHA-256"),
        ("", "not one line of a SHA-256"),
        (b"\xff\xfe\x00", "not one line of a SHA-256"),
        ("<html>404</html>", "not one line of a SHA-256"),
        (f"{DIGEST}  {'x' * 5000}", "not one line of a SHA-256"),
    ],
)
def test_other_sidecars_refuse_the_archive(archive: Path, content: str | bytes, words: str):
    sidecar(archive, content)
    with pytest.raises(ArchiveError, match=words):
        verify(archive, DIGEST)


def test_sidecar_that_is_a_folder_refuses(archive: Path):
    archive.with_name(archive.name + ".CHECKSUM").mkdir()
    with pytest.raises(ArchiveError, match="cannot be read"):
        verify(archive, DIGEST)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("X-1m-2023-01.zip.sha256", DIGEST),
        ("X-1m-2023-01.zip.sha256", f"{DIGEST}  X-1m-2023-01.zip\n"),
        ("X-1m-2023-01.zip.md5", MD5),
        ("X-1m-2023-01.zip.md5", f"{MD5} *X-1m-2023-01.zip\n"),
        ("SHA256SUMS", f"{'0' * 64}  other.zip\n{DIGEST}  ./X-1m-2023-01.zip\n"),
    ],
)
def test_every_kind_of_checksum_file_vouches(archive: Path, name: str, content: str):
    archive.with_name(name).write_text(content)
    assert verify(archive, DIGEST) is True


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("X-1m-2023-01.zip.sha256", "0" * 64, "differs"),
        ("X-1m-2023-01.zip.md5", "0" * 32, "differs"),
        ("X-1m-2023-01.zip.md5", DIGEST, "not one line of a MD5"),
        ("X-1m-2023-01.zip.md5", f"{MD5}  other.zip", "another file"),
        ("SHA256SUMS", f"{'0' * 64}  X-1m-2023-01.zip\n", "differs"),
        ("SHA256SUMS", f"{DIGEST}  X-1m-2023-01.zip\n<html>", "list of checksums"),
        ("SHA256SUMS", "", "list of checksums"),
    ],
)
def test_a_mismatch_in_any_of_them_refuses(archive: Path, name: str, content: str, words: str):
    sidecar(archive, f"{DIGEST}  {archive.name}")
    archive.with_name(name).write_text(content)
    with pytest.raises(ArchiveError, match=words):
        verify(archive, DIGEST)


def test_a_list_that_does_not_name_the_archive_says_nothing(archive: Path):
    archive.with_name("SHA256SUMS").write_text(f"{'0' * 64}  other.zip\n")
    assert verify(archive, DIGEST) is False
