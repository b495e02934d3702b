"""Reports as the page serves them, from a lake in a folder; buckets have the same two calls."""

import asyncio
from pathlib import Path

import pytest

from fints_pipeline.base.lake import BundleKey, Lineage
from fints_pipeline.base.locations import Locations
from fints_pipeline.service.reports import with_reports


async def dagster(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    """Return a lake with the report of an experiment whose name is not a plain word."""
    locations = Locations(tmp_path / "lake", tmp_path, tmp_path)

    def write(folder: Path) -> None:
        (folder / "report.html").write_text("<h1>ünïcode</h1>", encoding="utf-8")
        (folder / "report.md").write_text("# title", encoding="utf-8")

    key = BundleKey.of("reports", experiment="my demo")
    locations.lake.write_bundle(key, write, Lineage("1", "x"))
    return locations


def get(locations: Locations, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    messages: list = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        messages.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "headers": [], "query_string": b"",
        "root_path": "", "scheme": "http", "server": ("127.0.0.1", 3000), "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(with_reports(dagster, locations)(scope, receive, send))
    headers = {key.decode(): value.decode() for key, value in messages[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return messages[0]["status"], headers, body.decode()


def test_a_report_is_a_page(locations: Locations) -> None:
    status, headers, body = get(locations, "/reports/my demo")
    assert (status, body) == (200, "<h1>ünïcode</h1>")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"


def test_it_has_no_origin_and_loads_nothing(locations: Locations) -> None:
    _, headers, _ = get(locations, "/reports/my demo")
    policy = dict(
        part.partition(" ")[::2] for part in headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert "allow-same-origin" not in policy["sandbox"]
    assert headers["x-content-type-options"] == "nosniff"


def test_its_other_files_lie_below_it(locations: Locations) -> None:
    status, headers, body = get(locations, "/reports/my demo/report.md")
    assert (status, body) == (200, "# title")
    assert headers["content-type"].startswith("text/markdown")


@pytest.mark.parametrize("path", ["/reports/other", "/reports/my demo/manifest.json"])
def test_what_is_not_there_is_named(locations: Locations, path: str) -> None:
    status, headers, body = get(locations, path)
    assert status == 404
    assert headers["content-type"].startswith("text/plain")
    assert path.rpartition("/")[2] in body


def test_a_damaged_report_is_not_shown(locations: Locations) -> None:
    (page,) = locations.lake.root.rglob("report.html")
    page.write_text("<h1>other</h1>")
    status, _, body = get(locations, "/reports/my demo")
    assert status == 500
    assert "differs from its digest" in body


def test_nothing_is_written_through_it(locations: Locations) -> None:
    assert get(locations, "/reports/my demo", "POST")[0] == 405


@pytest.mark.parametrize("path", ["/", "/graphql", "/reports", "/assets/reports/my demo"])
def test_the_rest_is_dagsters(locations: Locations, path: str) -> None:
    assert get(locations, path)[0::2] == (299, path)
