"""Locks in an object store, by Lamport's bakery: whoever drew the lowest number goes first.

Each who wants a lock puts an object of its own below the lock's name, with a number higher than all
that it sees there, and waits until no lower one is left. Nothing is needed but that a listing shows
what was put before it began; conditional writes, which not every server does atomically, are not.

A number is renewed while its owner lives. One that has stayed unchanged for as long as a lease
lasts, by the clock of the one who watches, belongs to a process that died and is removed. No two
clocks are ever compared. An owner that could not renew in time knows it and writes nothing more.

Source: Lamport, A New Solution of Dijkstra's Concurrent Programming Problem (1974).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from fints_pipeline.base.errors import LakeError

LEASE_SECONDS = 20.0
_WAIT, _LONGEST_WAIT = 0.05, 1.0
_CHOOSING = "choosing-"


class Lease:
    """A number drawn for a lock, renewed by a thread until it is given back.

    Args:
        client: boto3's S3 client.
        bucket: The bucket.
        key: The number's object.
    """

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._renewed = time.monotonic()
        self._put(0)
        self._given_back = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {key}", daemon=True)
        self._thread.start()

    @property
    def is_lost(self) -> bool:
        """Whether it was not renewed in time, so that others may have taken it for dead."""
        return time.monotonic() - self._renewed > LEASE_SECONDS * 0.9

    def require(self) -> None:
        """Raise `LakeError` when the lease is lost."""
        if self.is_lost:
            raise LakeError(
                "the lock was lost: the object store could not be reached for too long",
                where=self._key,
                fix="run it again; nothing was written",
            )

    def release(self) -> None:
        """Stop renewing and let the next one in."""
        self._given_back.set()
        self._thread.join()
        self._client.delete_object(Bucket=self._bucket, Key=self._key)

    def _keep(self) -> None:
        beat = 0
        while not self._given_back.wait(LEASE_SECONDS / 4) and not self.is_lost:
            beat += 1
            started = time.monotonic()
            try:
                self._put(beat)
            except Exception:  # whatever failed, `require` tells when it matters
                continue
            self._renewed = started

    def _put(self, beat: int) -> None:
        self._client.put_object(Bucket=self._bucket, Key=self._key, Body=str(beat).encode())


class Leases:
    """Takes locks in a bucket.

    Args:
        client: boto3's S3 client.
        bucket: The bucket.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def take(self, name: str, busy: Callable[[], None] | None = None) -> Lease:
        """Wait until the lock is free, and hold it; ``busy`` is called if somebody has it."""
        while True:
            owner = uuid.uuid4().hex
            lease, own = self._draw(name, owner)
            if lease is not None:
                self._wait_for_turn(name, own, lease, busy)
                if not lease.is_lost:
                    return lease
                lease.release()

    def _draw(self, name: str, owner: str) -> tuple[Lease | None, str]:
        """Draw a number; None when it took so long that others may have gone on without it."""
        started = time.monotonic()
        choosing = f"{name}/{_CHOOSING}{owner}"
        self._client.put_object(Bucket=self._bucket, Key=choosing, Body=b"")
        try:
            drawn = [_number(entry) for entry in self._entries(name) if not _is_choosing(entry)]
            own = f"{max(drawn, default=0) + 1:012d}-{owner}"
            lease = Lease(self._client, self._bucket, f"{name}/{own}")
        finally:
            self._client.delete_object(Bucket=self._bucket, Key=choosing)
        if time.monotonic() - started < LEASE_SECONDS / 2:
            return lease, own
        lease.release()
        return None, own

    def _wait_for_turn(
        self, name: str, own: str, lease: Lease, busy: Callable[[], None] | None
    ) -> None:
        seen: dict[str, tuple[str, float]] = {}
        wait = _WAIT
        while not lease.is_lost:
            entries = self._entries(name)
            ahead = {one: tag for one, tag in entries.items() if _is_choosing(one) or one < own}
            if not ahead:
                return
            if busy is not None and not all(map(_is_choosing, ahead)):
                busy()
                busy = None
            now = time.monotonic()
            for one, tag in ahead.items():
                if one not in seen or seen[one][0] != tag:
                    seen[one] = (tag, now)
                elif now - seen[one][1] > LEASE_SECONDS:
                    self._client.delete_object(Bucket=self._bucket, Key=f"{name}/{one}")
            time.sleep(wait)
            wait = min(1.5 * wait, _LONGEST_WAIT)

    def _entries(self, name: str) -> dict[str, str]:
        """Return the ETag of each entry of a lock."""
        found: dict[str, str] = {}
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=f"{name}/"):
            for one in page.get("Contents", ()):
                found[one["Key"].rpartition("/")[2]] = one["ETag"]
        return found


def _is_choosing(entry: str) -> bool:
    return entry.startswith(_CHOOSING)


def _number(entry: str) -> int:
    return int(entry.partition("-")[0])
