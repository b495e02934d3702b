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
