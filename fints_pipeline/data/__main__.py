"""Look at market data files, bring them into the lake, and look after it.

    python -m fints_pipeline.data inspect FILE      what a file is, with the evidence
    python -m fints_pipeline.data ingest            the inbox into the lake
    python -m fints_pipeline.data catalog           what the lake holds: coverage, holes, quality
    python -m fints_pipeline.data sql "SELECT …"    ask the lake
    python -m fints_pipeline.data verify            re-hash the lake; gc and migrate look after it
    python -m fints_pipeline.data exogenous         series beside the bars; news likewise

Where things lie: FINTS_INBOX (default data_lake/inbox), FINTS_LAKE (data_lake), FINTS_CONFIGS
(configs). `python -m fints_pipeline.data COMMAND --help` tells more of each command.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from fints_pipeline.base import cli

COMMANDS = Path(__file__).with_name("commands")


def commands() -> dict[str, str]:
    """Return each command's name and docstring, read without importing it.

    A command is a file in ``commands/`` with ``add_arguments(parser)`` and ``run(arguments)``.
    """
    found = {}
    for path in sorted(COMMANDS.glob("[a-z]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        found[path.stem.replace("_", "-")] = docstring or ""
    return found


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run the command that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    given = sys.argv[1:] if argv is None else list(argv)
    for name, docstring in commands().items():
        subparser = subparsers.add_parser(
            name,
            help=docstring.partition("\n")[0],
            description=docstring,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in given:
            _module(name).add_arguments(subparser)
    arguments = parser.parse_args(given)
    status: int | None = _module(arguments.command).run(arguments)
    return status


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"fints_pipeline.data.commands.{name.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(cli.run(main))
