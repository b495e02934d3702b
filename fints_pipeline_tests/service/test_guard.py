import asyncio

import pytest

from fints_pipeline.service.guard import Guard, allowed_hosts

HOSTS = allowed_hosts(3000)
HERE = "127.0.0.1:3000"


def send(method="POST", path="/graphql", *, kind="http", **headers):
    """Return (status or close code, whether the application was reached)."""
    reached = []

    async def app(scope, receive, reply):
        reached.append(scope)
        await reply({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return {"type": "websocket.connect"}

    messages = []

    async def reply(message):
        messages.append(message)

    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    scope = {"type": kind, "method": method, "path": path, "headers": pairs}
    asyncio.run(Guard(app, HOSTS)(scope, receive, reply))
    first = messages[0]
    return first.get("status", first.get("code")), bool(reached)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "LOCALHOST:3000"]
)
def test_the_servers_own_names_pass(host):
    assert send(host=host) == (200, True)


@pytest.mark.parametrize("host", ["evil.example:3000", "127.0.0.1", "127.0.0.1:80", ""])
def test_another_host_is_refused(host):
    assert send(host=host) == (403, False)


def test_a_request_without_host_is_refused():
    assert send() == (403, False)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:9", "file://"]
)
@pytest.mark.parametrize("path", ["/graphql", "/", "/report_asset_materialization/x"])
def test_a_foreign_origin_is_refused_everywhere(origin, path):
    assert send(path=path, host=HERE, origin=origin) == (403, False)


def test_the_own_origin_passes():
    assert send(host=HERE, origin="http://127.0.0.1:3000") == (200, True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/prefix/GraphQL"])
def test_graphql_is_spoken_by_post_alone(method, path):
    assert send(method, path, host=HERE) == (405, False)


def test_other_pages_are_read_by_get():
    assert send("GET", "/assets", host=HERE) == (200, True)


def test_a_cross_site_form_is_refused_even_without_an_origin():
    assert send(host=HERE, sec_fetch_site="cross-site") == (403, False)


def test_a_link_from_another_site_may_open_the_page():
    assert send("GET", "/runs", host=HERE, sec_fetch_site="cross-site") == (200, True)


def test_websockets_are_held_to_the_same_host_and_origin():
    assert send(kind="websocket", host=HERE, origin="http://evil.example") == (1008, False)
    assert send(kind="websocket", host="evil.example") == (1008, False)
    assert send(kind="websocket", host=HERE, origin="http://localhost:3000")[1]


def test_a_proxys_name_can_be_added(monkeypatch):
    monkeypatch.setenv("FINTS_UI_HOSTS", "lab.example, Other.example")
    assert {"lab.example", "other.example"} <= allowed_hosts(3000)
