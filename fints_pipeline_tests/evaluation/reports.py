"""What the report's tests share: the command's arguments, the page's tags, the charts it holds."""

from html.parser import HTMLParser
from pathlib import Path

from fints_pipeline.base.lake import BundleKey
from fints_pipeline_tests.evaluation.world import EXPERIMENT, World

REPORT = BundleKey.of("reports", experiment=EXPERIMENT)
BACKTEST = BundleKey.of("backtests", experiment=EXPERIMENT)
CHARTS = {
    "equity", "drawdown", "timeline", "calibration", "reliability", "costs", "candles",
}  # fmt: skip


def arguments(world: World) -> list[str]:
    config = world.locations.backtest_config(EXPERIMENT)
    return ["--config", str(config), "--lake", str(world.locations.lake_root)]


RULES = """\
costs: {asset_class: equity, funding_long: 0.05}
limits: {participation: 0.2, maintenance_margin: 0.25}
stops: {stop_loss: 0.01, take_profit: 0.008}
sizing: {kind: kelly, kelly_fraction: 0.3, max_leverage: 2}
"""


def with_rules(world: World) -> None:
    """Let the world's backtest have costs with impact, limits, stops and Kelly's sizes."""
    path = world.locations.backtest_config(EXPERIMENT)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("costs")]
    path.write_text("\n".join(lines) + "\n" + RULES)


class Tags(HTMLParser):
    """Every tag with its attributes, and the text outside scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass


def parsed(folder: Path) -> Tags:
    tags = Tags()
    tags.feed((folder / "report.html").read_text(encoding="utf-8"))
    return tags
