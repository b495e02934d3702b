import hashlib
from pathlib import Path

import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.checksums import verify

CONTENT = b"whatever"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


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
