"""How commands end: their status, and what a person sees."""

import subprocess
import sys

import pytest

from fints_pipeline.base import cli
from fints_pipeline.base.errors import UserError

CHATTY = """
import sys
from fints_pipeline.base import cli

def main(argv):
    print("first")
    sys.stdout.flush()
    sys.stdin.readline()
    for _ in range({lines}):
        print("x" * 100)

sys.exit(cli.run(main))
"""


def raising(error: BaseException):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "status", "message"),
    [
        (lambda argv: None, 0, ""),
        (lambda argv: 3, 3, ""),
        (raising(UserError("no such thing", fix="look again")), 2, "error: no such thing"),
        (raising(KeyboardInterrupt()), 130, "interrupted"),
    ],
)
def test_status_and_message(main, status: int, message: str, capsys) -> None:
    assert cli.run(main) == status
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_other_errors_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.run(raising(ZeroDivisionError()))


@pytest.mark.parametrize("lines", [1, 10_000])
def test_a_reader_that_went_away_ends_a_command_quietly(lines: int) -> None:
    """With one line, only the flush at the end meets the closed pipe; with many, a print does."""
    command = [sys.executable, "-c", CHATTY.format(lines=lines)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout.readline() == "first\n"
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == cli.CLOSED_PIPE
