"""Reports out of the lake, beside Dagster's page: ``/reports/<experiment>``.

A page cannot open files, and a lake in a bucket has none. The browser treats a report as a page
without an origin that may load nothing: whatever stood in it could not ask Dagster for anything.
"""

from __future__ import annotations

import mimetypes
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router

from fints_pipeline.base.errors import KeyNotFoundError, LakeError
from fints_pipeline.base.lake import BundleKey, Lake
from fints_pipeline.base.locations import Locations
from fints_pipeline.service.guard import App

PAGE = "report.html"
_POLICY = "; ".join(
    [
        "sandbox allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def with_reports(app: App, locations: Locations) -> App:
    """Return ``app`` with the lake's reports in front of it."""

    def page(request: Request) -> Response:
        name = request.path_params.get("file", PAGE)
        return _answer(locations.lake, request.path_params["experiment"], name)

    addresses = ["/reports/{experiment}", "/reports/{experiment}/{file}"]
    return Router([Route(address, page) for address in addresses], default=app)


def _answer(lake: Lake, experiment: str, name: str) -> Response:
    try:
        content = _file(lake, BundleKey.of("reports", experiment=experiment), name)
    except KeyNotFoundError as error:
        return PlainTextResponse(f"{error}\n", 404, _HEADERS)
    except LakeError as error:
        return PlainTextResponse(f"{error}\n", 500, _HEADERS)
    kind, _ = mimetypes.guess_type(name)
    return Response(content, headers=_HEADERS, media_type=kind or "application/octet-stream")


def _file(lake: Lake, key: BundleKey, name: str) -> bytes:
    """Return a file of a report.

    Raises:
        KeyNotFoundError: there is no such report, or it has no such file.
        LakeError: it is damaged.
    """
    if name not in (files := lake.bundle_manifest(key).files):
        raise KeyNotFoundError(
            f"{key} has no file {name!r}", fix=f"there are {', '.join(map(quote, sorted(files)))}"
        )
    return (lake.open_bundle(key) / name).read_bytes()
