"""Garbage that killed processes leave in a bucket: locks of the dead, uploads half done."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from fints_pipeline.base.lake import leases
from fints_pipeline.base.lake.buckets import BucketStore
from fints_pipeline.base.lake.objects import Upload
from fints_pipeline.base.lake.store import LOCKS
from fints_pipeline.data.maintenance.garbage import Garbage


def find(store: BucketStore, min_age: float) -> Iterator[Garbage]:
    """Yield what can go.

    A lock that is held is renewed several times within `leases.LEASE_SECONDS`, so one that is
    older belongs to nobody, and an owner that comes back writes nothing more. An upload is as old
    as the last part that arrived.

    Args:
        store: The bucket.
        min_age: Seconds for which nothing may have touched it; a lock's are never fewer than three
            leases.
    """
    now = store.now()
    dead = now - max(min_age, 3 * leases.LEASE_SECONDS)
    for one in store.contents(PurePosixPath(LOCKS)):
        if one.touched <= dead:
            remove = partial(_unlock, store, one.path)
            yield Garbage("lock", one.path, one.size, "its holder is gone", remove)
    for upload in store.uploads():
        if upload.touched <= now - min_age:
            remove = partial(_abort, store, upload)
            path, reason = store.place(upload), "its upload was never completed"
            yield Garbage("upload", path, upload.size, reason, remove)


def _unlock(store: BucketStore, path: PurePosixPath) -> bool:
    store.remove(path)
    return True


def _abort(store: BucketStore, upload: Upload) -> bool:
    store.abort(upload)
    return True
