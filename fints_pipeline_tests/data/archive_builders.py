"""Good archives and bad ones, made byte by byte."""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

FIRST_MS = 1_672_531_200_000  # 2023-01-01 00:00 UTC
MEMBER = "BTCUSDT-1m-2023-01.csv"
ARCHIVE = "BTCUSDT-1m-2023-01.zip"


def klines(rows: int = 5, first_ms: int = FIRST_MS, scale: int = 1, price: float = 100.0) -> bytes:
    """Binance rows, one a minute; scale 1000 gives microseconds."""
    lines = []
    for row in range(rows):
        opened = (first_ms + row * 60_000) * scale
        closed = opened + 60_000 * scale - 1
        p = price + row
        lines.append(f"{opened},{p},{p + 2},{p - 2},{p + 1},{10 + row},{closed},1000,5,4,400,0\n")
    return "".join(lines).encode()


def histdata(stamps: list[str]) -> bytes:
    return "".join(f"{stamp};1.1;1.3;1.0;1.2;0\n" for stamp in stamps).encode()


def zip_bytes(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2023, 2, 1, 0, 0, 0)), content, method)
    return buffer.getvalue()


def good_zip(member: str = MEMBER, content: bytes | None = None) -> bytes:
    return zip_bytes({member: klines() if content is None else content})


def write(path: Path, content: bytes, checksum: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if checksum:
        line = f"{hashlib.sha256(content).hexdigest()}  {path.name}\n"
        path.with_name(path.name + ".CHECKSUM").write_text(line)
    return path


def with_attributes(external_attr: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("link.csv")
        info.create_system = 3
        info.external_attr = external_attr
        archive.writestr(info, b"/etc/passwd")
    return buffer.getvalue()


def patched(
    content: bytes, offset_in_directory: int, value: bytes, local: int | None = None
) -> bytes:
    """Overwrite bytes of the first directory entry (and of the first local header)."""
    data = bytearray(content)
    at = content.index(b"PK\x01\x02") + offset_in_directory
    data[at : at + len(value)] = value
    if local is not None:
        data[local : local + len(value)] = value
    return bytes(data)


def renamed(old: str, new: bytes) -> bytes:
    """A zip whose member is named by raw bytes that zipfile would not write."""
    assert len(old.encode()) == len(new)
    return good_zip(old).replace(old.encode(), new)


def duplicate(first: str, second: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(first, klines())
        archive.writestr(second if second != first else "X" * len(first), klines())
    return buffer.getvalue().replace(b"X" * len(first), first.encode())


def overlapping() -> bytes:
    """Two directory entries for one local header: the kernel of a quoted bomb."""
    content = zip_bytes({"a.csv": klines(), "b.csv": klines()})
    second = content.rindex(b"PK\x01\x02")
    return content[: second + 42] + struct.pack("<L", 0) + content[second + 46 :]


def bomb(size: int = 3_000_000) -> bytes:
    return zip_bytes({MEMBER: b"0" * size})


def lying_bomb(claimed: int = 1000) -> bytes:
    """A bomb whose headers claim a small size."""
    content = bomb()
    return patched(content, 24, struct.pack("<L", claimed), local=22)


def wrong_crc() -> bytes:
    content = good_zip()
    return patched(content, 16, b"\0\1\2\3", local=14)


def flipped_byte() -> bytes:
    content = bytearray(good_zip())
    content[content.index(b"PK\x01\x02") - 20] ^= 0xFF
    return bytes(content)


def nested(depth: int) -> bytes:
    content = good_zip()
    for _ in range(depth):
        content = zip_bytes({"inner.zip": content})
    return content


def many_members(count: int) -> bytes:
    return zip_bytes({f"m{number}.csv": b"x" for number in range(count)})


def tar_like() -> bytes:
    return b"file.csv".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 300


def entry_flags(flags: int) -> bytes:
    return patched(good_zip(), 8, struct.pack("<H", flags), local=6)


def method(number: int) -> bytes:
    return patched(good_zip(), 10, struct.pack("<H", number), local=8)


def gz(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush()


Build = Callable[[], bytes]

# name: (bytes of a .zip, words that its refusal must hold)
MALFORMED: dict[str, tuple[Build, str]] = {
    "empty file": (lambda: b"", "empty (0 bytes)"),
    "text": (lambda: b"hello, this is no archive", "does not begin as a zip"),
    "web page": (lambda: b"<!DOCTYPE html><html>404</html>", "web page"),
    "S3 error": (lambda: b'<?xml version="1.0"?><Error>NoSuchKey</Error>', "web page"),
    "gzip": (lambda: gz(klines()), "is a gzip archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + b"\0" * 60, "is a 7z archive"),
    "tar": (tar_like, "is a tar archive"),
    "truncated in the directory": (lambda: good_zip()[:-30], "truncated"),
    "truncated in a member": (lambda: good_zip()[:60], "truncated"),
    "first half of a big one": (lambda: good_zip(content=klines(5000))[:50_000], "truncated"),
    "beginning cut off": (lambda: b"PK\x03\x04" + good_zip()[120:], "damaged"),
    "no members": (lambda: zip_bytes({}), "holds no files"),
    "only a folder": (lambda: zip_bytes({"data/": b""}), "holds no files"),
    "folder with data": (lambda: renamed("data.csv", b"datacsv/"), "a folder holds data"),
    "wrong CRC": (wrong_crc, "Bad CRC-32"),
    "flipped byte": (flipped_byte, "damaged"),
    "encrypted": (lambda: entry_flags(0x1), "encrypted"),
    "strongly encrypted": (lambda: entry_flags(0x41), "encrypted"),
    "masked headers": (lambda: entry_flags(0x2000), "encrypted"),
    "patch data": (lambda: entry_flags(0x20), "damaged"),
    "lzma": (lambda: method(14), "compressed by method 14"),
    "unknown method": (lambda: method(77), "compressed by method 77"),
    "traversal": (lambda: good_zip("../../evil.csv"), "path traversal"),
    "traversal inside": (lambda: good_zip("a/../../evil.csv"), "path traversal"),
    "traversal with backslashes": (lambda: good_zip("..\\..\\evil.csv"), "path traversal"),
    "absolute": (lambda: good_zip("/etc/cron.d/evil.csv"), "absolute path"),
    "drive": (lambda: good_zip("C:\\evil.csv"), "absolute path"),
    "network share": (lambda: good_zip("\\\\host\\evil.csv"), "absolute path"),
    "alternate stream": (lambda: good_zip("a.csv:hidden"), "alternate data stream"),
    "device": (lambda: good_zip("CON"), "device CON"),
    "device with suffix": (lambda: good_zip("data/nul.csv"), "device NUL"),
    "device with superscript": (lambda: good_zip("COM¹.csv"), "device COM¹"),
    "NUL in a name": (lambda: renamed("a.csv_x.txt", b"a.csv\0x.txt"), "NUL character"),
    "control character": (lambda: good_zip("a\x1b[31m.csv"), "control or invisible"),
    "right-to-left override": (lambda: good_zip("a\u202evsc.exe"), "control or invisible"),
    "name of spaces": (lambda: good_zip("   "), "is empty"),
    "endless name": (lambda: good_zip("a" * 300 + ".csv"), "longer than 255"),
    "name that is not UTF-8": (lambda: renamed("ä.csv", b"\xff\xfe.csv"), "damaged"),
    "symbolic link": (lambda: with_attributes(0o120777 << 16), "symbolic link"),
    "character device": (lambda: with_attributes(0o020666 << 16), "device, pipe or socket"),
    "pipe": (lambda: with_attributes(0o010666 << 16), "device, pipe or socket"),
    "same name twice": (lambda: duplicate("a.csv", "a.csv"), "the same name"),
    "same name in other case": (lambda: duplicate("a.csv", "A.CSV"), "the same name"),
    "same name composed": (lambda: duplicate("\u00e9.csv", "e\u0301.csv"), "the same name"),
    "overlapping members": (overlapping, "overlap"),
    "bomb": (bomb, "more than 200-fold"),
    "bomb that lies": (lying_bomb, "damaged"),
    "too large in all": (
        lambda: zip_bytes({f"{i}.csv": klines(400) for i in range(3)}), "limit of 50000"),
    "too many members": (lambda: many_members(51), "51 members"),
    "huge directory": (lambda: many_members(1500), "too large"),
    "zip in a zip": (lambda: zip_bytes({"inner.csv": good_zip()}), "itself an archive (zip)"),
    "gzip in a zip": (lambda: zip_bytes({"inner.csv": gz(klines())}), "itself an archive (gzip)"),
    "tar in a zip": (lambda: zip_bytes({"inner.csv": tar_like()}), "itself an archive (tar)"),
    "zip by name in a zip": (
        lambda: zip_bytes({"inner.zip": b"not really"}), "does not begin as a zip"),
    "7z in a zip": (lambda: zip_bytes({"inner.7z": b"7z\xbc\xaf\x27\x1c"}), "itself an archive"),
    "zip in a zip in a zip": (lambda: nested(2), "itself an archive (zip)"),
    "bad zip in a zip": (lambda: zip_bytes({"a.zip": good_zip("../x.csv")}), "path traversal"),
    "bomb in a zip in a zip": (lambda: zip_bytes({"a.zip": bomb()}, zipfile.ZIP_STORED),
                               "more than 200-fold"),
    "part of several": (lambda: patched_end(4, 1), "multi-disk"),
}  # fmt: skip

# name: (content of a kline member, words that its refusal must hold)
BAD_CONTENT: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "no lines of text"),
    "header only": (
        b"open_time,open,high,low,close,volume,close_time,q,n,b,t,i\n", "a header but no rows"),
    "other columns": (b"date,open,close\n2020-01-01,1,2\n", "date,open,close"),
    "columns in another order": (
        b"open_time,close,open,high,low,volume,close_time,q,n,b,t,i\n" + klines(), "its header"),
    "UTF-16": (klines().decode().encode("utf-16"), "not UTF-8 text"),
    "hourly bars": (
        b"1672531200000,1,1,1,1,1,1672534799999,1,1,1,1,0\n" * 3, "a bar lasts 3600 s"),
    "seconds since 1900": (b"99,1,1,1,1,1,158,1,1,1,1,0\n", "no epoch"),
    "letters in a price": (klines(20).replace(b",115.0,", b",oops,"), "row 16, column open"),
    "letters in an epoch": (
        klines(20).replace(b"1672532100000", b"16725321000x0"), "row 16, column open_time"),
    "empty epoch": (klines(20).replace(b"\n1672532100000", b"\n"), "row 16, column open_time"),
    "epoch out of range": (
        klines(20).replace(b"\n1672532100000", b"\n167253"), "row 16, column open_time"),
    "short row": (klines(20) + b"1672532400000,1,1\n", "3 cells where 12 are expected"),
    "long row": (klines(20).replace(b",400,0\n", b",400,0,9\n", 16), "misfit"),
    "binary": (bytes(range(256)) * 40, "not UTF-8 text"),
}  # fmt: skip


def patched_end(offset: int, value: int) -> bytes:
    content = bytearray(good_zip())
    at = content.rindex(b"PK\x05\x06")
    content[at + offset : at + offset + 2] = struct.pack("<H", value)
    return bytes(content)
