"""A page in headless Chromium: what it logs, loads, draws and cuts off at a given width."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WIDTHS = (390, 1280)
SETTLED = "document.querySelectorAll('.chart').length === [...document.querySelectorAll('.chart')]"
SETTLED += ".filter((box) => box.querySelector('svg.main-svg')).length"
LOOK = """() => {
  const inside = (e) => e.closest(".scroll, nav, .chart, details:not([open])");
  const shown = (e) => e.getClientRects().length > 0;
  const name = (e) => e.tagName + "." + e.className + "#" + e.id;
  const all = [...document.body.querySelectorAll("*")].filter((e) => shown(e) && !inside(e));
  const marks = ".trace path, .trace rect, .points path, .bars path, image, .boxlayer path";
  const labels = [".xtick", ".ytick", ".y2tick", ".g-xtitle", ".g-ytitle", ".legend"]
    .map((part) => part + " text").join(", ");
  const charts = [...document.querySelectorAll(".chart")].map((box) => {
    const plot = box.querySelector("svg.main-svg");
    const area = plot ? plot.getBoundingClientRect() : null;
    const drawn = [...box.querySelectorAll(marks)].filter((e) => {
      const at = e.getBoundingClientRect();
      return at.width + at.height > 0;
    });
    const words = [...box.querySelectorAll(labels)].filter(shown).filter((e) => {
      const at = e.getBoundingClientRect(), own = box.getBoundingClientRect();
      return at.left < own.left - 2 || at.right > own.right + 2;
    });
    return {
      id: box.id, marks: drawn.length, fits: !!area && area.width <= box.clientWidth + 1,
      cut: words.map((e) => e.textContent),
    };
  });
  return {
    overflow: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    clipped: all.filter((e) => e.getBoundingClientRect().right > innerWidth + 1
      || (e.children.length === 0 && e.scrollWidth > e.clientWidth + 1
          && getComputedStyle(e).overflowX === "hidden")).map(name),
    charts,
    sections: [...document.querySelectorAll("section[id]")].filter(shown).map((e) => e.id),
  };
}"""


@dataclass
class Seen:
    """What a page did.

    Attributes:
        errors: of the console and of scripts.
        requests: addresses that it asked for, its own aside.
        overflow: pixels by which the page is wider than the window.
        clipped: elements that reach beyond the window or cut their text off.
        charts: of each box: its id, how many marks are drawn, whether it fits, texts that are cut.
        sections: ids of those that are shown.
    """

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    overflow: int = 0
    clipped: list[str] = field(default_factory=list)
    charts: list[dict[str, Any]] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)

    def require_whole(self, charts: set[str]) -> None:
        """Fail unless nothing went wrong and these charts are drawn, each with something in it."""
        assert self.errors == []
        assert self.requests == []
        assert self.overflow == 0
        assert self.clipped == []
        assert {chart["id"] for chart in self.charts} == charts
        wrong = [chart for chart in self.charts if not chart["marks"] or not chart["fits"]]
        assert wrong == []
        assert [chart for chart in self.charts if chart["cut"]] == []


class Browser:
    """Headless Chromium; skips where there is none."""

    def __init__(self, driver: Any) -> None:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            pytest.skip("no chromium on this machine")
        self._browser = driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"],
        )  # fmt: skip

    def open(self, page: Path, width: int, scheme: str = "light") -> tuple[Any, Seen]:
        """Open a file at a width and wait until its charts are drawn; give the page and its log."""
        seen = Seen()
        opened = self._browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        opened.on("console", lambda told: told.type == "error" and seen.errors.append(told.text))
        opened.on("pageerror", lambda error: seen.errors.append(str(error)))
        opened.on("request", lambda asked: seen.requests.append(asked.url))
        opened.goto(page.as_uri())
        opened.wait_for_function(SETTLED, timeout=30_000)
        seen.requests = [
            one for one in seen.requests if not one.startswith((page.as_uri(), "data:", "blob:"))
        ]
        return opened, seen

    def look(self, page: Path, width: int, scheme: str = "light") -> Seen:
        """Open a file with all its details unfolded, and look at it."""
        opened, seen = self.open(page, width, scheme)
        opened.evaluate("document.querySelectorAll('details').forEach((e) => (e.open = true))")
        opened.wait_for_timeout(400)
        for name, value in opened.evaluate(LOOK).items():
            setattr(seen, name, value)
        opened.close()
        return seen

    def close(self) -> None:
        """End it."""
        self._browser.close()
