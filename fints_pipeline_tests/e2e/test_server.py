"""What `make ui` serves, over a wire: the page, its guard to the byte, the link to a report."""

import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.base.lake import BundleKey, Lake, Lineage
from fints_pipeline.defs.evaluation import report_page
from fints_pipeline.defs.partitions import EXPERIMENTS
from fints_pipeline_tests.service.clicks import CHROMIUM, browsing
from fints_pipeline_tests.service.services import Service

pytestmark = pytest.mark.server

JOBS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
QUERY = b'{"query": "{ version }"}'
CHUNKS = b"0\r\n\r\nGET /server_info HTTP/1.1\r\nHost: evil.example\r\n\r\n"
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "graphql-ws",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
PAGE = "<!doctype html><title>made-up report</title><script>document.title += ' ran'</script>"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Service]:
    """Serve a lake that holds one made-up report, of which Dagster was told."""
    made = Service(tmp_path_factory.mktemp("service"), project)
    key = BundleKey.of("reports", experiment="demo")
    Lake(made.home / "lake").write_bundle(key, write_page, Lineage("1", "x"))
    with dg.DagsterInstance.from_config(str(made.home / "dagster")) as instance:
        instance.add_dynamic_partitions(EXPERIMENTS.name, ["demo"])
        link = {"report": dg.MetadataValue.url(report_page("demo"))}
        told = dg.AssetMaterialization("backtest_report", partition="demo", metadata=link)
        instance.report_runless_asset_event(told)
    made.start()
    yield made
    made.stop()


def write_page(folder: Path) -> None:
    (folder / "report.html").write_text(PAGE)


def said(service: Service, first: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Send a request as it is written, and return the head of the answer."""
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as line:
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b""
        while b"\r\n\r\n" not in answer and (part := line.recv(65536)):
            answer += part
    return answer.partition(b"\r\n\r\n")[0].lower()


def status(head: bytes) -> int:
    return int(head.split()[1])


def asked(service: Service, path: str = "/graphql", **more: str) -> int:
    """POST a query with these headers, and return the status."""
    headers = {
        "Host": f"127.0.0.1:{service.port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(QUERY)),
    }
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return status(said(service, f"POST {path} HTTP/1.1", headers, QUERY))


def test_the_page_serves_the_code_location(service: Service) -> None:
    (repository,) = service.ask(JOBS)["repositoriesOrError"]["nodes"]
    names = {job["name"] for job in repository["jobs"]}
    assert {"ingest", "data", "folds", "pretrain", "train", "backtest"} <= names
    assert asked(service, Origin=service.url) == 200


@pytest.mark.parametrize("path", ["/graphql", "/graph%71l", "/graphql/", "/x/graphql", "/GraphQL"])
def test_no_link_can_launch_anything(service: Service, path: str) -> None:
    head = said(service, f"GET {path}?query={{version}} HTTP/1.1", {"Host": service.url[7:]})
    assert status(head) == 405


@pytest.mark.parametrize("host", ["evil.example", "", "127.0.0.1"])
def test_another_name_is_refused(service: Service, host: str) -> None:
    assert asked(service, Host=host) == 403


def test_a_request_names_one_host(service: Service) -> None:
    assert status(said(service, "GET /server_info HTTP/1.0", {})) == 403
    twice = {"Host": service.url[7:], "HOST": "evil.example"}
    assert status(said(service, "GET /server_info HTTP/1.1", twice)) in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_others_are_refused(service: Service, origin: str) -> None:
    assert asked(service, Origin=origin) == 403
    assert asked(service, "/report_asset_materialization/x", Origin=origin) == 403


def test_a_request_is_not_two(service: Service) -> None:
    headers = {"Host": service.url[7:], "Content-Length": "4", "Transfer-Encoding": "chunked"}
    assert status(said(service, "POST /graphql HTTP/1.1", headers, CHUNKS)) == 400


def test_only_the_own_page_opens_a_websocket(service: Service) -> None:
    here = {"Host": service.url[7:], **UPGRADE}

    def opened(**more: str) -> int:
        return status(said(service, "GET /graphql HTTP/1.1", here | more))

    assert opened(Origin=service.url) == 101
    assert opened(Origin="http://evil.example") == 403
    assert opened(Origin="null") == 403
    assert opened(Host="evil.example", Origin="http://evil.example") == 403


def test_no_page_shows_it_in_a_frame(service: Service) -> None:
    here = {"Host": service.url[7:]}
    head = said(service, "GET / HTTP/1.1", here)
    assert status(head) == 200
    assert b"x-frame-options: deny" in head
    assert b"content-security-policy: frame-ancestors 'none'" in head
    assert b"script-src 'nonce-" in head  # Dagster's own policy
    assert status(said(service, "GET / HTTP/1.1", here | {"Sec-Fetch-Dest": "iframe"})) == 403


def test_a_path_that_leads_out_leaves_no_traceback(service: Service) -> None:
    head = said(service, "GET /logs/..%2f..%2fetc%2fpasswd HTTP/1.1", {"Host": service.url[7:]})
    assert status(head) == 400
    assert "Traceback" not in (service.home / "dagster" / "service" / "page.log").read_text()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install Debian's")
def test_the_assets_page_leads_to_the_report(service: Service) -> None:
    with browsing(service.url) as clicks:
        clicks.open("/assets/backtest_report?view=partitions&partition=demo")
        with clicks.page.context.expect_page() as opened:
            clicks.page.locator(f"a[href='{report_page('demo')}']").first.click()
        report = opened.value
        report.wait_for_load_state()
        assert report.title() == "made-up report ran"
        assert report.url == service.url + report_page("demo")
        asking = f"fetch('{service.url}/graphql', {{method: 'POST'}}).then(() => 1, () => 0)"
        assert report.evaluate(asking) == 0
        assert report.evaluate("origin") == "null"
        clicks.shot("report")
