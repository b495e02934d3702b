"""Where tools/environment.py takes torch from, and what it says to an old Python."""

import importlib.util
import json
import sys
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest

CPU_INDEX = ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]


@pytest.fixture(scope="module")
def tool(project: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tool", project / "tools" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def linux_without_driver(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCH_INDEX_URL", raising=False)
    monkeypatch.setattr(tool.platform, "system", lambda: "Linux")
    monkeypatch.setattr(tool.shutil, "which", lambda _: None)


class Pip:
    """An environment whose pip would take one certain wheel."""

    def __init__(self, url: str, version: str, status: int = 0) -> None:
        plan = {"install": [{"download_info": {"url": url}, "metadata": {"version": version}}]}
        self.answer: CompletedProcess[str] = CompletedProcess([], status, json.dumps(plan), "")

    def run(self, *arguments: str) -> CompletedProcess[str]:
        assert "--dry-run" in arguments
        return self.answer


@pytest.mark.usefixtures("linux_without_driver")
@pytest.mark.parametrize(
    ("pip", "source"),
    [
        (Pip("https://files.pythonhosted.org/torch.whl", "2.13.0"), CPU_INDEX),
        (Pip("https://mirror.example/torch.whl", "2.13.0+cpu"), []),
        (Pip("file:///wheels/torch.whl", "2.13.0"), []),
        (Pip("https://files.pythonhosted.org/torch.whl", "2.13.0", status=1), CPU_INDEX),
    ],
    ids=["cuda", "cpu index configured", "local wheel", "no such version"],
)
def test_a_cpu_build_is_found_where_there_is_no_driver(
    tool: ModuleType, pip: Pip, source: list[str]
) -> None:
    assert tool.torch_source(pip) == source


@pytest.mark.usefixtures("linux_without_driver")
def test_the_user_decides_first(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_INDEX_URL", "https://example.org/cu130")
    pip = Pip("file:///wheels/torch.whl", "2.13.0")
    assert tool.torch_source(pip) == ["--extra-index-url", "https://example.org/cu130"]


@pytest.mark.usefixtures("linux_without_driver")
def test_with_a_driver_pip_is_left_alone(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    assert tool.torch_source(Pip("https://files.pythonhosted.org/torch.whl", "2.13.0")) == []


def test_an_old_python_is_told_what_to_do(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 2, "final", 0))
    with pytest.raises(SystemExit, match="make venv PYTHON="):
        tool.main(tmp_path / "venv")
    assert not (tmp_path / "venv").exists()
