import asyncio

import pytest

from fints_pipeline.service.guard import Guard, allowed_hosts

HOSTS = allowed_hosts(3000)
HERE = "127.0.0.1:3000"


OWN_POLICY = (b"content-security-policy", b"object-src 'none'")
OWN_FRAMES = (b"x-frame-options", b"SAMEORIGIN")


def send(method="POST", path="/graphql", **given):
    """Return (status or close code, whether the application was reached)."""
    first, reached = answer(method, path, **given)
    return first.get("status", first.get("code")), reached


def answer(method="GET", path="/", *, kind="http", hosts=HOSTS, **headers):
    """Return the first message that comes back, and whether the application was reached."""
    reached = []

    async def app(scope, receive, reply):
        reached.append(scope)
        own = [OWN_POLICY, OWN_FRAMES]
        await reply({"type": "http.response.start", "status": 200, "headers": own})

    async def receive():
        return {"type": "websocket.connect"}

    messages = []

    async def reply(message):
        messages.append(message)

    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    scope = {"type": kind, "method": method, "path": path, "headers": pairs}
    asyncio.run(Guard(app, hosts)(scope, receive, reply))
    return messages[0], bool(reached)


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


@pytest.mark.parametrize("names", ["lab.example, ", " ,lab.example", "lab.example,\t,"])
def test_an_empty_name_lets_nothing_through(monkeypatch, names):
    """An Origin `null` and a Host without a name both come down to nothing."""
    monkeypatch.setenv("FINTS_UI_HOSTS", names)
    assert allowed_hosts(3000) == HOSTS | {"lab.example"}


@pytest.mark.parametrize("headers", [{"host": ""}, {"host": HERE, "origin": "null"}])
def test_nothing_is_no_name_even_if_it_is_allowed(headers):
    assert send(hosts=HOSTS | {""}, **headers) == (403, False)


@pytest.mark.parametrize("kind", ["iframe", "frame", "object", "embed"])
@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
def test_no_frame_is_filled(kind, site):
    headers = {"host": HERE, "sec_fetch_dest": kind, "sec_fetch_site": site}
    assert send("GET", "/runs", **headers) == (403, False)


@pytest.mark.parametrize("path", ["/", "/graphql"], ids=["passed", "refused"])
def test_every_answer_forbids_frames_and_keeps_the_applications_policy(path):
    first, reached = answer("GET", path, host=HERE)
    assert reached == (path == "/")
    assert [value for name, value in first["headers"] if name == b"x-frame-options"] == [b"DENY"]
    policies = [value for name, value in first["headers"] if name == OWN_POLICY[0]]
    assert policies == [OWN_POLICY[1]] * reached + [b"frame-ancestors 'none'"]


@pytest.mark.parametrize(
    "path", ["/logs/../../etc/passwd", "/logs/..", "/..\\..\\x", "/logs/a\0b", "/a\nb"]
)
def test_a_path_that_leads_out_is_refused(path):
    assert send("GET", path, host=HERE) == (400, False)


@pytest.mark.parametrize("path", ["/assets/a..b", "/logs/run/compute_logs/x.err", "/assets/ä b"])
def test_dots_in_a_name_are_part_of_it(path):
    assert send("GET", path, host=HERE) == (200, True)
