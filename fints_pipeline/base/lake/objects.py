"""A bucket's objects by their keys: listed, deleted by the thousand; uploads that were left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

MOST_AT_ONCE = 1000
"""Keys that S3 takes in one deletion."""
_ONE_BY_ONE = {"MissingContentMD5", "InvalidRequest", "InvalidDigest", "NotImplemented"}
"""What stores answer that want a checksum of deletions which boto3 has given up, or know none."""


@dataclass(frozen=True)
class Upload:
    """An upload in parts that was begun and not completed.

    Attributes:
        key: The object that it would become.
        id: The store's name for it.
        size: Bytes that have arrived, which are paid for.
        touched: When it was begun or its last part arrived, in seconds by the store's clock.
    """

    key: str
    id: str
    size: int
    touched: float


class Objects:
    """One bucket's objects.

    Args:
        client: boto3's S3 client.
        bucket: The bucket.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def below(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Yield what the store tells of each object below a prefix, in order of the keys."""
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            yield from page.get("Contents", ())

    def now(self) -> float:
        """Return the store's own time, by which its objects are dated."""
        answer = self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return parsedate_to_datetime(date).timestamp()

    def delete(self, keys: Sequence[str], before_each: Callable[[], None]) -> None:
        """Delete objects; those that are gone already count as deleted.

        Args:
            keys: Of the objects.
            before_each: Called before each request; raises if it must not be made any more.
        """
        for start in range(0, len(keys), MOST_AT_ONCE):
            batch = keys[start : start + MOST_AT_ONCE]
            before_each()
            if not self._delete_at_once(batch):
                for key in batch:
                    before_each()
                    self._client.delete_object(Bucket=self._bucket, Key=key)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the uploads below a prefix that were not completed."""
        pages = self._client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            for one in page.get("Uploads", ()):
                parts = self._parts(one["Key"], one["UploadId"])
                if parts is None:
                    continue
                moments = [one["Initiated"], *(part["LastModified"] for part in parts)]
                yield Upload(
                    one["Key"],
                    one["UploadId"],
                    sum(part["Size"] for part in parts),
                    max(moments).timestamp(),
                )

    def abort(self, upload: Upload) -> None:
        """End an upload and drop what has arrived of it."""
        self._client.abort_multipart_upload(Bucket=self._bucket, Key=upload.key, UploadId=upload.id)

    def _parts(self, key: str, upload: str) -> list[dict[str, Any]] | None:
        """Return what has arrived of an upload; None if it has ended meanwhile."""
        from botocore.exceptions import ClientError

        pages = self._client.get_paginator("list_parts")
        found = pages.paginate(Bucket=self._bucket, Key=key, UploadId=upload)
        try:
            return [part for page in found for part in page.get("Parts", ())]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchUpload":
                return None
            raise

    def _delete_at_once(self, keys: Sequence[str]) -> bool:
        """Delete up to `MOST_AT_ONCE` objects; return False if the store takes no such request.

        Raises:
            ClientError: one could not be deleted.
        """
        from botocore.exceptions import ClientError

        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        try:
            answer = self._client.delete_objects(Bucket=self._bucket, Delete=wanted)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ONE_BY_ONE:
                return False
            raise
        if refused := answer.get("Errors"):
            raise ClientError({"Error": refused[0]}, "DeleteObjects")
        return True
