"""The kernel's machine code is made anew when a file that it is made of changes."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fints_pipeline
from fints_pipeline.base import compiled
from fints_pipeline.base.compiled import sources_digest
from fints_pipeline.walkforward import layout, ledger
from fints_pipeline.walkforward.kernel import loop

PACKAGE = Path(fints_pipeline.__file__).parent
KERNEL = Path(loop.__file__).parent
FEE = """
import numpy as np
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Targets
from fints_pipeline.walkforward.market import Market

ones = np.ones((3, 1))
hours = np.datetime64("2024-01-01", "us") + np.arange(4) * np.timedelta64(1, "h")
market = Market(("A",), hours[:-1], hours[1:], ones, ones, ones > 0, ones, ones, ones)
ledger = simulate(market, Targets.of(ones), CostModel(fee_bps=1.0).rates(1), Account(1.0))
print(ledger.fills.fee[0])
"""


def imported(path: Path) -> set[str]:
    """Names of the project's modules that a file imports from."""
    nodes = ast.walk(ast.parse(path.read_text()))
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fints_pipeline"):
            whole = node.module == "fints_pipeline.walkforward"
            found |= {f"{node.module}.{a.name}" for a in node.names} if whole else {node.module}
    return found


def test_the_digest_covers_all_that_is_compiled_in() -> None:
    covered = {compiled.__name__, layout.__name__, ledger.__name__}
    for path in KERNEL.glob("*.py"):
        own = {
            name for name in imported(path) if name.startswith("fints_pipeline.walkforward.kernel.")
        }
        assert imported(path) - own <= covered, path.name


def test_the_entry_point_closes_over_the_digest() -> None:
    cells = [cell.cell_contents for cell in loop.trade.py_func.__closure__]
    assert sources_digest(loop.__file__, layout.__file__, ledger.__file__) in cells


@pytest.mark.slow
def test_a_fee_changed_in_its_module_is_charged(tmp_path: Path) -> None:
    copy = tmp_path / "fints_pipeline"
    for room in ("base", "walkforward"):
        shutil.copytree(PACKAGE / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "__init__.py").touch()
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}

    def fee() -> float:
        done = subprocess.run(
            [sys.executable, "-c", FEE], cwd=tmp_path, env=environment,
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return float(done.stdout)

    assert fee() == pytest.approx(1e-4)
    costs = copy / "walkforward" / "kernel" / "costs.py"
    source = costs.read_text()
    costs.write_text(source.replace("terms.fee_rate * cost_scale", "terms.fee_rate * 3.0"))
    assert costs.read_text() != source
    assert fee() == pytest.approx(3e-4)
