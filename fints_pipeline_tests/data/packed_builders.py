"""Tar, gzip, Parquet and Feather files, good ones and bad ones."""

import io
import tarfile

import pyarrow as pa
import pyarrow.feather as pf
import pyarrow.parquet as pq

from fints_pipeline_tests.data.archive_builders import Build, good_zip, gz, klines, zip_bytes

BIG = b"0" * 3_000_000


def tar(members: dict[str, bytes], **changes: object) -> bytes:
    """A tar of files; ``changes`` are attributes of every member's header."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for attribute, value in changes.items():
                setattr(info, attribute, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tgz(members: dict[str, bytes] | None = None, **changes: object) -> bytes:
    return gz(tar({"a.csv": klines()} if members is None else members, **changes))


def pax(members: dict[str, bytes], headers: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(content), headers
            archive.addfile(info, io.BytesIO(content))
    return gz(buffer.getvalue())


def patched_tar(at: int, value: bytes, *, checksum: bool = True) -> bytes:
    """A tar.gz whose first header has other bytes, its checksum made right again or not."""
    content = bytearray(tar({"a.csv": klines()}))
    content[at : at + len(value)] = value
    if checksum:
        content[148:156] = b" " * 8
        content[148:156] = f"{sum(content[:512]):06o}\0 ".encode()
    return gz(bytes(content))


def table(rows: int = 5) -> pa.Table:
    opened = pa.array(range(rows), pa.int64())
    stamps = pa.array([1_700_000_000_000_000 + 60_000_000 * row for row in range(rows)])
    prices = pa.array([100.0] * rows)
    return pa.table(
        {
            "bar_index": opened,
            "timestamp": stamps.cast(pa.timestamp("us", "UTC")),
            **dict.fromkeys(("open", "high", "low", "close"), prices),
            "volume": opened,
        }
    )


def parquet(content: pa.Table | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table() if content is None else content, sink)
    return sink.getvalue()


def feather(content: pa.Table | None = None) -> bytes:
    sink = io.BytesIO()
    pf.write_feather(table() if content is None else content, sink)
    return sink.getvalue()


def halved(content: bytes) -> bytes:
    return content[: len(content) // 2]


def bad_crc(content: bytes) -> bytes:
    return content[:-8] + bytes(byte ^ 0xFF for byte in content[-8:-4]) + content[-4:]


# name: (file name, its bytes, words that its refusal must hold)
MALFORMED_KINDS: dict[str, tuple[str, Build, str]] = {
    "empty tar.gz": ("x.tar.gz", lambda: b"", "empty (0 bytes)"),
    "tar that is not gzipped": ("x.tar.gz", lambda: tar({"a.csv": klines()}), "is a tar archive"),
    "zip called tar.gz": ("x.tgz", good_zip, "is a zip archive"),
    "web page called tar.gz": ("x.tar.gz", lambda: b"<html>404</html>", "web page"),
    "text called gz": ("x.csv.gz", klines, "does not begin as a gz"),
    "gzip of no tar": ("x.tar.gz", lambda: gz(klines(40)), "damaged"),
    "tar without members": ("x.tar.gz", lambda: tgz({}), "holds no files"),
    "tar of a folder": ("x.tar.gz", lambda: tgz({"a": b""}, type=tarfile.DIRTYPE), "no files"),
    "folder with data in a tar": (
        "x.tar.gz", lambda: tgz({"a": klines()}, type=tarfile.DIRTYPE), "a folder holds data"),
    "hard link": (
        "x.tar.gz", lambda: tgz({"a": b""}, type=tarfile.LNKTYPE, linkname="b"), "hard link"),
    "symbolic link in a tar": (
        "x.tar.gz", lambda: tgz({"a": b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "symbolic link"),
    "character device in a tar": (
        "x.tar.gz", lambda: tgz({"a": b""}, type=tarfile.CHRTYPE), "character device"),
    "block device": ("x.tar.gz", lambda: tgz({"a": b""}, type=tarfile.BLKTYPE), "block device"),
    "pipe in a tar": ("x.tar.gz", lambda: tgz({"a": b""}, type=tarfile.FIFOTYPE), "a pipe"),
    "sparse file": (
        "x.tar.gz", lambda: tgz({"a": b""}, type=tarfile.GNUTYPE_SPARSE), "sparse file"),
    "sparse file by pax": (
        "x.tar.gz", lambda: pax({"a.csv": klines()}, {"GNU.sparse.realsize": "9"}), "GNU.sparse"),
    "size by pax": ("x.tar.gz", lambda: pax({"a.csv": klines()}, {"size": "9"}), "'size'"),
    "unknown kind": ("x.tar.gz", lambda: tgz(type=b"Z"), "unknown kind"),
    "absolute in a tar": (
        "x.tar.gz", lambda: tgz({"/etc/cron.d/x": klines()}), "absolute path"),
    "traversal in a tar": ("x.tar.gz", lambda: tgz({"../../x.csv": klines()}), "path traversal"),
    "traversal by pax": (
        "x.tar.gz", lambda: pax({"a.csv": klines()}, {"path": "../x.csv"}), "path traversal"),
    "device name in a tar": ("x.tar.gz", lambda: tgz({"data/nul.csv": klines()}), "device NUL"),
    "control characters in a tar": (
        "x.tar.gz", lambda: tgz({"a\x1b[31m.csv": klines()}), "control or invisible"),
    "endless name in a tar": (
        "x.tar.gz", lambda: tgz({"a" * 300: klines()}), "longer than 255"),
    "endless long name": (
        "x.tar.gz", lambda: tgz({"a/" * 40_000: klines()}), "extends over"),
    "name in another encoding": (
        "x.tar.gz", lambda: patched_tar(0, b"\xff.csv"), "not UTF-8"),
    "same name twice in a tar": (
        "x.tar.gz", lambda: gz(tar({"a.csv": klines()})[:1024] + tar({"A.CSV": klines()})),
        "the same name"),
    "wrong header checksum": (
        "x.tar.gz", lambda: patched_tar(0, b"b.csv", checksum=False), "checksum is wrong"),
    "size that is no number": ("x.tar.gz", lambda: patched_tar(124, b"99999999999"), "no number"),
    "size beyond the end": ("x.tar.gz", lambda: patched_tar(124, b"00000070000"), "truncated"),
    "size of exabytes": ("x.tar.gz", lambda: patched_tar(124, b"\x80" + b"\x7f" * 11), "truncated"),
    "tar cut in a member": (
        "x.tar.gz", lambda: gz(tar({"a.csv": klines()})[:600]), "truncated"),
    "tar without its end": (
        "x.tar.gz", lambda: gz(tar({"a.csv": klines()})[:1024]), "truncated"),
    "something after the tar": (
        "x.tar.gz", lambda: gz(tar({"a.csv": klines()}) + b"x"), "follows the archive's end"),
    "bomb in a tar": ("x.tar.gz", lambda: tgz({"a.csv": BIG}), "inflates to more"),
    "too many in a tar": (
        "x.tar.gz", lambda: tgz({f"{i}.csv": b"x" for i in range(51)}), "limit of 50"),
    "7z in a tar": ("x.tar.gz", lambda: tgz({"x.7z": b"7z\xbc\xaf\x27\x1c"}), "itself an archive"),
    "zip in a zip in a tar": (
        "x.tar.gz", lambda: tgz({"a.zip": zip_bytes({"b.zip": good_zip()})}), "itself an archive"),
    "zip called csv in a tar": ("x.tar.gz", lambda: tgz({"a.csv": good_zip()}), "archive (zip)"),
    "gzip cut off": ("x.csv.gz", lambda: halved(gz(klines(50))), "truncated"),
    "gzip without its trailer": ("x.csv.gz", lambda: gz(klines(50))[:-8], "truncated"),
    "gzip with a wrong CRC": ("x.csv.gz", lambda: bad_crc(gz(klines())), "damaged"),
    "garbage after gzip": ("x.csv.gz", lambda: gz(klines()) + b"PK\x03\x04", "follows the gzip"),
    "one byte after gzip": ("x.csv.gz", lambda: gz(klines()) + b"\x1f", "follows the gzip"),
    "gzip bomb": ("x.csv.gz", lambda: gz(BIG), "inflates to more"),
    "gzip bomb in pieces": ("x.csv.gz", lambda: gz(b"0" * 30_000) * 40, "inflates to more"),
    "tar called gz": ("x.gz", lambda: tgz(), "itself an archive (tar)"),
    "gzip in gzip in gzip": ("x.csv.gz.gz.gz", lambda: gz(gz(gz(klines()))), "itself an archive"),
    "empty parquet": ("x.parquet", lambda: b"", "empty (0 bytes)"),
    "text called parquet": ("x.parquet", klines, "does not begin as a parquet"),
    "parquet cut off": ("x.parquet", lambda: halved(parquet()), "truncated"),
    "parquet of eight bytes": ("x.parquet", lambda: b"PAR1", "truncated"),
    "feather called parquet": ("x.parquet", feather, "does not begin as a parquet"),
    "parquet called feather": ("x.feather", parquet, "does not begin as a feather"),
    "feather cut off": ("x.feather", lambda: halved(feather()), "truncated"),
    "zip called csv": ("x.csv", good_zip, "itself an archive (zip)"),
    "gzip called csv": ("x.csv", lambda: gz(klines()), "itself an archive (gzip)"),
}  # fmt: skip
