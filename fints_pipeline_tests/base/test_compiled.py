"""Machine code on disk follows every source that it is made of."""

import importlib
import sys
from pathlib import Path

import pytest

from fints_pipeline.base.compiled import sources_digest

ENTRY = """
from fints_pipeline.base.compiled import entry_point, sources_digest
from {package}.helper import answer


def _entry(sources):
    @entry_point
    def ask():
        _ = sources
        return answer()

    return ask


ask = _entry(sources_digest(__file__))
"""
HELPER = """
from fints_pipeline.base.compiled import part


@part
def answer():
    return {value}
"""


def asked(package: str):
    """What a fresh import of the package's entry point answers, and whether it was compiled."""
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]
    importlib.invalidate_caches()
    ask = importlib.import_module(f"{package}.entry").ask
    return ask(), bool(ask.stats.cache_misses)


def test_a_change_in_a_helper_s_file_is_not_served_stale(tmp_path: Path, monkeypatch) -> None:
    package = "made_up_kernel"
    folder = tmp_path / package
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (folder / "__init__.py").touch()
    (folder / "entry.py").write_text(ENTRY.format(package=package))
    (folder / "helper.py").write_text(HELPER.format(value=1))
    assert asked(package) == (1, True)
    assert asked(package) == (1, False)
    (folder / "helper.py").write_text(HELPER.format(value=2))
    assert asked(package) == (2, True)


@pytest.mark.parametrize("changed", ["entry.py", "helper.py", "elsewhere/types.py"])
def test_the_digest_follows_the_folder_and_the_named_files(tmp_path: Path, changed: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("entry.py", "helper.py", "elsewhere/types.py"):
        (tmp_path / name).write_text("a = 1")

    def digest() -> int:
        return sources_digest(str(tmp_path / "entry.py"), str(tmp_path / "elsewhere" / "types.py"))

    before = digest()
    assert digest() == before
    (tmp_path / changed).write_text("a = 2")
    assert digest() != before
