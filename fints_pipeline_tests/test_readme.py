"""The README tells the truth: its tree, its commands, its links."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

TREE = re.compile(r"```text\n(fints_pipeline/\n.*?)```", re.DOTALL)
COMMAND = re.compile(r"\bmake ([a-z][a-z-]*)")
MODULE = re.compile(r"python -m ([a-z_][a-z_.]*)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
PAGES = ("README.md", "CONTRIBUTING.md")


@pytest.fixture(scope="module")
def readme(project: Path) -> str:
    return (project / "README.md").read_text()


@pytest.fixture(scope="module")
def files(project: Path) -> list[str]:
    """Paths of every file that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=project, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: which files belong to the project is not known")
    return [path for path in listed.stdout.splitlines() if (project / path).exists()]


def named(tree: str, indent: str) -> set[str]:
    """Return the names on the lines at an indent; several may share a line, with commas."""
    lines = re.findall(rf"^{indent}(\S[^#\n]*?)(?:  .*)?$", tree, re.MULTILINE)
    return {name.strip() for line in lines for name in line.split(",")}


def rooms(paths: list[str]) -> set[str]:
    """Return the first component of each path, folders with a slash."""
    return {path.split("/")[0] + ("/" if "/" in path else "") for path in paths}


def test_tree_lists_exactly_what_stands_at_the_root(readme: str, files: list[str]) -> None:
    tree = TREE.search(readme)
    assert tree is not None
    there = {name for name in rooms(files) if not name.startswith(".")}
    assert {name for name in named(tree[1], "") if not name.startswith(".")} == there


def test_tree_lists_exactly_the_rooms_of_the_package(readme: str, files: list[str]) -> None:
    tree = TREE.search(readme)
    assert tree is not None
    package = "fints_pipeline/"
    modules = [path.removeprefix(package) for path in files if path.startswith(package)]
    assert named(tree[1], "  ") == rooms(modules) - {"__init__.py"}


@pytest.mark.parametrize("page", PAGES)
def test_every_make_command_exists(project: Path, page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text(), re.MULTILINE))
    commands = set(COMMAND.findall(code(project / page)))
    assert commands
    assert commands <= targets


def test_every_module_that_is_run_exists(readme: str) -> None:
    modules = {name.rstrip(".") for name in MODULE.findall(readme)}
    assert modules
    missing = {name for name in modules if importlib.util.find_spec(name) is None}
    assert missing == set()


@pytest.mark.parametrize("page", [*PAGES, "docs/architecture.md", "docs/decisions/README.md"])
def test_every_link_leads_somewhere(project: Path, page: str) -> None:
    source = project / page
    links = LINK.findall(source.read_text())
    assert links or page == "CONTRIBUTING.md"
    assert [link for link in links if not (source.parent / link).exists()] == []


def code(page: Path) -> str:
    """Return what a page sets in code: blocks and inline."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text(), re.DOTALL))
