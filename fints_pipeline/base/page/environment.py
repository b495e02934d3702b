"""The templates of one page on top of the ones that all pages share."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from fints_pipeline.base.page.words import count, number, percent


def page_environment(package: str) -> Environment:
    """Return Jinja's environment for the templates of ``package``.

    Shared beside them: ``page.css``, ``page.js`` (which draws every ``.chart`` from its figure's
    JSON), and ``macros.html.j2`` with `table` and `chart`.
    """
    own, shared = PackageLoader(package), PackageLoader("fints_pipeline.base.page")
    environment = Environment(
        loader=ChoiceLoader([own, shared]),
        autoescape=select_autoescape(["html.j2", "html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, number=number, count=count)
    return environment


def plotly_script() -> str:
    """Return plotly.js, for a page that opens without a network."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script
