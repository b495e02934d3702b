"""Dagster's page in headless Chromium, used as a person would."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = os.environ.get("FINTS_CHROMIUM") or shutil.which("chromium")
SHOTS = os.environ.get("FINTS_SCREENSHOTS")
"""Folder for screenshots, if somebody wants to look at them."""


class Clicks:
    """A page and what is done on it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url

    def open(self, path: str) -> None:
        """Go to a path of the page and wait until it has settled."""
        self.page.goto(self.url + path)
        self.page.wait_for_load_state("networkidle")

    def launch(self, button: str, instruments: Sequence[str], months: str) -> None:
        """Click a materialize button, choose partitions in its dialog, and launch."""
        page = self.page
        page.get_by_role("button", name=button).first.click()
        box = page.get_by_placeholder("ex: 20")
        box.wait_for(timeout=60_000)
        page.get_by_text("Select a partition or create one").click()
        for name in instruments:
            page.locator(f"text={name} >> visible=true").last.click()
        page.keyboard.press("Escape")
        box.fill(months)
        box.press("Enter")
        page.get_by_text(f"{_count(instruments, months)} partition").first.wait_for()
        self.shot("launch")
        page.get_by_role("button", name="Launch").last.click()
        page.get_by_text("Partition selection").wait_for(state="detached", timeout=60_000)

    def shot(self, name: str) -> None:
        """Keep a picture if somebody asked for pictures."""
        if SHOTS:
            self.page.wait_for_timeout(1500)
            self.page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def _count(instruments: Sequence[str], months: str) -> int:
    if not months.startswith("["):
        return len(instruments)
    first, last = months.strip("[]").split("...")
    return len(instruments) * (int(last[-2:]) - int(first[-2:]) + 1)


@contextmanager
def browsing(url: str) -> Iterator[Clicks]:
    """Yield the page at ``url`` in a browser of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 760})
        page.set_default_timeout(60_000)
        try:
            yield Clicks(page, url)
        finally:
            browser.close()
