"""List the benchmarks, or run the one that is named: python -m benchmarks [ENTRY]."""

import argparse
import ast
import importlib
from collections.abc import Sequence
from pathlib import Path

from fints_pipeline.base.cli import run
from fints_pipeline.base.errors import KeyNotFoundError

FOLDER = Path(__file__).resolve().parent


def entries() -> dict[str, str]:
    """Return each entry's name and the first line of its docstring, read without importing it."""
    found = {}
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        summary = ast.get_docstring(ast.parse(path.read_text())) or ""
        found[path.stem.replace("_", "-")] = summary.partition("\n")[0]
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """List the entries, or run the one that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("entry", nargs="?", help="without one, the entries are listed")
    entry = parser.parse_args(argv).entry
    known = entries()
    if entry is None:
        for name, summary in known.items():
            print(f"  {name:14} {summary}")
        return
    if entry not in known:
        raise KeyNotFoundError(
            f"no benchmark {entry!r}", where="benchmarks/", fix=f"choose from: {', '.join(known)}"
        )
    importlib.import_module(f"benchmarks.{entry.replace('-', '_')}").main()


if __name__ == "__main__":
    raise SystemExit(run(main))
