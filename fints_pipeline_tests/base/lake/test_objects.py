from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fints_pipeline.base.lake.objects import MOST_AT_ONCE, Objects

if TYPE_CHECKING:
    from botocore.stub import Stubber

# What `make deploy` installs is there in the full run of the tests.
pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture
def stub() -> Stubber:
    import boto3
    from botocore.stub import Stubber

    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    return Stubber(boto3.client("s3", **keys))


def expect(keys: list[str]) -> dict[str, object]:
    return {
        "Bucket": "b",
        "Delete": {"Objects": [{"Key": key} for key in keys], "Quiet": True},
    }


def test_a_thousand_go_at_once(stub: Stubber) -> None:
    keys = [str(number) for number in range(MOST_AT_ONCE + 1)]
    stub.add_response("delete_objects", {}, expect(keys[:-1]))
    stub.add_response("delete_objects", {}, expect(keys[-1:]))
    asked = []
    with stub:
        Objects(stub.client, "b").delete(keys, lambda: asked.append(1))
    stub.assert_no_pending_responses()
    assert len(asked) == 2


def test_a_store_that_takes_no_batch_is_asked_one_by_one(stub: Stubber) -> None:
    stub.add_client_error("delete_objects", "MissingContentMD5")
    for key in ("x", "y"):
        stub.add_response("delete_object", {}, {"Bucket": "b", "Key": key})
    with stub:
        Objects(stub.client, "b").delete(["x", "y"], lambda: None)
    stub.assert_no_pending_responses()


def test_what_could_not_be_deleted_is_an_error(stub: Stubber) -> None:
    from botocore.exceptions import ClientError

    refused = {"Errors": [{"Key": "x", "Code": "AccessDenied", "Message": "no"}]}
    stub.add_response("delete_objects", refused, expect(["x"]))
    with stub, pytest.raises(ClientError, match="AccessDenied"):
        Objects(stub.client, "b").delete(["x"], lambda: None)


def test_an_upload_that_ended_meanwhile_is_left_out(stub: Stubber) -> None:
    begun = {"Key": "x", "UploadId": "1", "Initiated": 0}
    stub.add_response("list_multipart_uploads", {"Uploads": [begun]})
    stub.add_client_error("list_parts", "NoSuchUpload")
    with stub:
        assert list(Objects(stub.client, "b").uploads("")) == []
