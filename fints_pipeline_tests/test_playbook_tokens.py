"""The playbook of tokens does what it says, on made-up archives."""

import re
import shlex
from pathlib import Path

import pytest

from fints_pipeline import tokenize
from fints_pipeline.base import cli
from fints_pipeline_tests.test_tokenize import archives  # noqa: F401  a fixture

BLOCK = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)


@pytest.mark.slow
@pytest.mark.usefixtures("archives")
def test_every_block_runs_in_order(project: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(project / "configs")
    blocks = BLOCK.findall((project / "docs" / "playbooks" / "tokens.md").read_text())
    assert [kind for kind, _ in blocks] == ["sh", "python", "sh", "python"]
    names: dict[str, object] = {}
    for kind, text in blocks:
        if kind == "python":
            exec(text, names)
            continue
        module, *arguments = shlex.split(text.removeprefix("python -m "))
        assert module == tokenize.__name__
        assert cli.run(tokenize.main, arguments) == 0, capsys.readouterr().err
    assert (tmp_path / "report" / "tokens.html").stat().st_size > 1_000_000
    assert names["tensors"]["input_ids"].shape == (578,)
    assert "trend" in capsys.readouterr().out
