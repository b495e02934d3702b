"""A lake in a bucket of an object store that speaks S3.

What replaces the rename: an object appears whole or not at all when its upload ends. What replaces
file locks: leases (`fints_pipeline.base.lake.leases`). What is read is copied to a folder of this
machine and asked for again only when its ETag has changed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.base.lake.atomic import TEMPORARY_PREFIX, clear_errors, locked, replacing
from fints_pipeline.base.lake.leases import Lease, Leases
from fints_pipeline.base.lake.objects import Objects, Upload
from fints_pipeline.base.lake.store import LOCKS, Stored

CACHE_VARIABLE = "FINTS_LAKE_CACHE"
_CLIENT_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_REGION",
)
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_SCRATCH = ".scratch"
_SCRATCH_SECONDS = 60.0
"""How long a scratch folder that nobody holds is left alone: its maker may be about to lock it."""


class BucketStore:
    """Objects below a prefix of one bucket, with copies in a local folder.

    Args:
        client: boto3's S3 client.
        bucket: Its name; it exists.
        prefix: Of all keys, without a slash at either end; may be empty.
        root: Folder for the copies; any number of processes of this machine may share it.
    """

    def __init__(self, client: Any, bucket: str, prefix: str, root: Path) -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.root = root
        self._objects = Objects(client, bucket)
        self._leases = Leases(client, bucket)
        self._held: list[Lease] = []

    def uri(self, path: PurePosixPath) -> str:
        """Return ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self._key(path)}"

    def exists(self, path: PurePosixPath) -> bool:
        """Ask the object store."""
        return self._etag(path) is not None

    def fetch(self, path: PurePosixPath) -> Path:
        """Download the object unless the copy is of its present ETag."""
        copy = self.root / path
        with locked(self._copy_lock(path)):
            etag = self._etag(path)
            is_there = etag is not None
            if is_there and (not copy.is_file() or _known_etag(copy) != etag):
                is_there = self._download(path, copy)
            if not is_there:
                _drop(copy)
        if not is_there:
            raise FileNotFoundError(self.uri(path))
        return copy

    @contextmanager
    def replacing(self, path: PurePosixPath) -> Iterator[Path]:
        """Write locally, then upload, unless a lease was lost meanwhile."""
        with self.scratch(path) as folder:
            local = folder / "file"
            local.touch()
            yield local
            self._upload(local, path)

    @contextmanager
    def scratch(self, path: PurePosixPath) -> Iterator[Path]:
        """Yield a folder below the copies, locked so that `sweep` knows it is in use."""
        home = self.root / _SCRATCH
        with clear_errors(home):
            home.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=home))
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield folder
            finally:
                os.close(descriptor)
                shutil.rmtree(folder, ignore_errors=True)

    def publish_folder(self, folder: Path, path: PurePosixPath) -> None:
        """Upload every file; who reads the folder is told of it afterwards."""
        for local in sorted(one for one in folder.rglob("*") if one.is_file()):
            self._upload(local, path / local.relative_to(folder).as_posix())

    def fetch_folder(self, path: PurePosixPath, names: Sequence[str]) -> Path:
        """Download what is not here: a published folder never changes."""
        for name in names:
            if not (self.root / path / name).is_file() and self.exists(path / name):
                self.fetch(path / name)
        return self.root / path

    def forget(self, path: PurePosixPath) -> bool:
        """Remove the copies."""
        shutil.rmtree(self.root / path, ignore_errors=True)
        _drop(self.root / path)
        return True

    def remove(self, path: PurePosixPath) -> None:
        """Delete the object and the copy."""
        with self._clear_errors(path):
            self.client.delete_object(Bucket=self.bucket, Key=self._key(path))
        _drop(self.root / path)

    def remove_folder(self, path: PurePosixPath) -> None:
        """Delete every object below ``path``, and the copies, unless a lease was lost meanwhile."""
        with self._clear_errors(path):
            keys = [found["Key"] for found in self._list(path)]
            self._objects.delete(keys, self._require_leases)
        self.forget(path)

    def contents(self, path: PurePosixPath) -> Iterator[Stored]:
        """List the keys."""
        with self._clear_errors(path):
            for one in self._list(path):
                modified = one["LastModified"].timestamp()
                yield Stored(self._path(one["Key"]), one["Size"], modified)

    def now(self) -> float:
        """Ask the object store, whose clock dates the objects."""
        with self._clear_errors(PurePosixPath()):
            return self._objects.now()

    def uploads(self) -> Iterator[Upload]:
        """Yield the uploads below the prefix that nobody has completed."""
        with self._clear_errors(PurePosixPath()):
            yield from self._objects.uploads(self._below(PurePosixPath()))

    def abort(self, upload: Upload) -> None:
        """End an upload that nobody will complete."""
        with self._clear_errors(self.place(upload)):
            self._objects.abort(upload)

    def place(self, upload: Upload) -> PurePosixPath:
        """Return the path of what an upload would become."""
        return self._path(upload.key)

    def folders(self, path: PurePosixPath) -> list[str]:
        """List one level of the keys."""
        with self._clear_errors(path):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._below(path), Delimiter="/"
            )
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", ())]
        return [one.rstrip("/").rpartition("/")[2] for one in found]

    def holding(self, path: PurePosixPath, name: str) -> list[str]:
        """List the keys once, rather than ask for every file."""
        with self._clear_errors(path):
            found = [self._path(one["Key"]) for one in self._list(path)]
        return [one.parent.name for one in found if one.name == name and one.parent.parent == path]

    def oldest_first(self, path: PurePosixPath) -> list[str]:
        """List the keys, by the time of each folder's latest object."""
        start = len(self._below(path))
        latest: dict[str, Any] = {}
        with self._clear_errors(path):
            for found in self._list(path):
                name, slash, _ = found["Key"][start:].partition("/")
                if slash:
                    latest[name] = max(
                        latest.get(name, found["LastModified"]), found["LastModified"]
                    )
        return sorted(latest, key=lambda name: (latest[name], name))

    def files(self, path: PurePosixPath, name: str) -> Iterator[PurePosixPath]:
        """List the keys."""
        with self._clear_errors(path):
            found = sorted(self._path(one["Key"]) for one in self._list(path))
        yield from (one for one in found if one.name == name)

    def stamps(self, path: PurePosixPath, name: str) -> Iterator[tuple[str, str]]:
        """List the keys with their ETags."""
        start, end = len(self._below(PurePosixPath())), f"/{name}"
        with self._clear_errors(path):
            for one in self._list(path):
                if one["Key"].endswith(end):
                    yield one["Key"][start : -len(end)], one["ETag"]

    @contextmanager
    def locked(self, name: str, busy: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold a lease; what is uploaded meanwhile is checked against it."""
        lock = PurePosixPath(LOCKS) / name
        with self._clear_errors(lock):
            lease = self._leases.take(self._key(lock), busy)
        self._held.append(lease)
        try:
            yield
        finally:
            self._held.remove(lease)
            with self._clear_errors(lock):
                lease.release()

    def refresh(self, path: PurePosixPath) -> None:
        """Copy what is new or changed below ``path``, and drop what is gone."""
        with self._clear_errors(path):
            present = {self._path(one["Key"]): one["ETag"] for one in self._list(path)}
        for one, etag in present.items():
            copy = self.root / one
            if not copy.is_file() or _known_etag(copy) != etag:
                self.fetch(one)
        for copy in sorted((self.root / path).rglob("*")):
            name = copy.relative_to(self.root).as_posix()
            if (
                copy.is_file()
                and not copy.name.startswith(".")
                and PurePosixPath(name) not in present
            ):
                _drop(copy)

    def sweep(self, lock_of: Callable[[PurePosixPath], str | None]) -> list[Path]:
        """Remove scratch folders that nobody holds: in the bucket nothing is ever unfinished."""
        removed = []
        for folder in sorted((self.root / _SCRATCH).glob(f"{TEMPORARY_PREFIX}*")):
            if _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
        return removed

    def _key(self, path: PurePosixPath) -> str:
        return str(PurePosixPath(self.prefix) / path)

    def _below(self, path: PurePosixPath) -> str:
        """Return what the keys of everything in a folder begin with."""
        key = self._key(path)
        return "" if key == "." else f"{key}/"

    def _path(self, key: str) -> PurePosixPath:
        return PurePosixPath(key).relative_to(self.prefix)

    def _copy_lock(self, path: PurePosixPath) -> Path:
        return self.root / LOCKS / "copies" / f"{str(path).replace('/', '%')[-200:]}.lock"

    def _etag(self, path: PurePosixPath) -> str | None:
        from botocore.exceptions import ClientError

        with self._clear_errors(path):
            try:
                answer = self.client.head_object(Bucket=self.bucket, Key=self._key(path))
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise
        return str(answer["ETag"])

    def _list(self, path: PurePosixPath) -> Iterator[dict[str, Any]]:
        return self._objects.below(self._below(path))

    def _require_leases(self) -> None:
        for lease in self._held:
            lease.require()

    def _download(self, path: PurePosixPath, copy: Path) -> bool:
        """Copy the object; return whether it is still there."""
        from botocore.exceptions import ClientError

        mark = _mark(copy)
        mark.unlink(missing_ok=True)
        with self._clear_errors(path):
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self._key(path))
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return False
                raise
            with replacing(copy) as temporary, temporary.open("wb") as stream:
                shutil.copyfileobj(answer["Body"], stream)
        mark.write_text(answer["ETag"], encoding="utf-8")
        return True

    def _upload(self, local: Path, path: PurePosixPath) -> None:
        self._require_leases()
        with self._clear_errors(path):
            self.client.upload_file(str(local), self.bucket, self._key(path))

    @contextmanager
    def _clear_errors(self, path: PurePosixPath) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise LakeError(
                f"the object store did not do it: {error}",
                where=self.uri(path),
                fix="check address, credentials and rights; what was there is unchanged",
            ) from error


def open_bucket(url: str) -> BucketStore:
    """Return the store at ``s3://bucket/prefix``.

    Endpoint, region and credentials come from where boto3 looks for them (``AWS_ENDPOINT_URL``,
    ``AWS_ACCESS_KEY_ID``, …); the copies lie below ``FINTS_LAKE_CACHE``.

    Raises:
        ConfigError: no bucket is named, or boto3 is not installed.
    """
    parts = urlsplit(url)
    if not parts.netloc:
        raise ConfigError("the lake's address names no bucket", where=url, fix="s3://bucket/prefix")
    try:
        client = _client(os.getpid(), *(os.environ.get(name) for name in _CLIENT_VARIABLES))
    except ImportError:
        raise ConfigError(
            "a lake in an object store needs boto3", where=url, fix="install it: make deploy"
        ) from None
    prefix = parts.path.strip("/")
    cache = Path(os.environ.get(CACHE_VARIABLE, Path.home() / ".cache" / "fints_pipeline"))
    root = cache / parts.netloc / prefix
    return BucketStore(client, parts.netloc, prefix, root)


@lru_cache(maxsize=4)
def _client(process: int, *settings: str | None) -> Any:
    """Return a client; making one takes longer than most calls, and it serves all threads.

    Args:
        process: Whose connections it holds; a forked process needs its own.
        settings: Values of `_CLIENT_VARIABLES`, with which it was made.
    """
    import boto3
    from botocore.config import Config

    # Checksums in trailers are S3's own; other servers that speak S3 refuse them.
    plain = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "max_attempts": 5},
    )
    return boto3.Session().client("s3", config=plain)


def _is_abandoned(folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_mtime < _SCRATCH_SECONDS:
            return False
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _mark(copy: Path) -> Path:
    """Return the file beside a copy that holds its ETag."""
    return copy.with_name(f".{copy.name}.etag")


def _known_etag(copy: Path) -> str | None:
    try:
        return _mark(copy).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _drop(copy: Path) -> None:
    _mark(copy).unlink(missing_ok=True)
    copy.unlink(missing_ok=True)
