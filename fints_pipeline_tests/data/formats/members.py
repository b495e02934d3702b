"""Files as formats look at them."""

from pathlib import Path

from fints_pipeline.data.source_file import SourceFile


def member(
    folder: Path,
    content: bytes,
    name: str = "f.csv",
    archive: str | None = None,
    timezone: str = "UTC",
    frequency: str = "1m",
) -> SourceFile:
    path = folder / "member"
    path.write_bytes(content)
    return SourceFile(path, name, archive or name, timezone, frequency)


def named(name: str, archive: str) -> SourceFile:
    return SourceFile(Path("nowhere"), name, archive)
