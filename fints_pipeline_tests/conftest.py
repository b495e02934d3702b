"""Fixtures that every room's tests share: a lake of their own, and real data where there is any."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from fints_pipeline.base.lake import Lake
from fints_pipeline_tests.browser import Browser

pytest_plugins = ["fints_pipeline_tests.servers.fixtures"]

# A shell without job control ignores SIGINT in the background, and Dagster then SIGTERM too: its
# processes would only end when they are killed.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).resolve().parent.parent

# Shared machines stall now and then: a slow example is no failure. CI draws the same examples.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point everything that is written at run time below the test's folder, never at the user's."""
    monkeypatch.setenv("FINTS_LAKE", str(tmp_path / "data_lake"))
    monkeypatch.setenv("FINTS_INBOX", str(tmp_path / "data_lake" / "inbox"))
    monkeypatch.setenv("FINTS_CONFIGS", str(PROJECT / "configs"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake that ends with the test."""
    return Lake(tmp_path / "data_lake")


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the project's root folder."""
    return PROJECT


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return headless Chromium, or skip the test where there is none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = Browser(driver)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real market data, or skip the test where there is none."""
    folder = Path(os.environ.get("FINTS_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real market data at {folder}: set FINTS_SHARED_DATA to its folder")
    return folder
