import subprocess
import sys
from pathlib import Path

import pytest

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.defs.home import CONFIG, MARK, PROJECTS_CONFIG, dagster_home, opened_instance


@pytest.mark.parametrize("value", ["", "/no/such/folder"])
def test_a_missing_home_is_named_with_the_command_that_makes_it(monkeypatch, value):
    monkeypatch.setenv("DAGSTER_HOME", value)
    with pytest.raises(ConfigError, match="make home"):
        dagster_home()


def test_a_relative_home_is_refused_with_the_path_to_set(monkeypatch, tmp_path: Path):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", "home")
    with pytest.raises(ConfigError, match=f'export DAGSTER_HOME="{tmp_path / "home"}"'):
        dagster_home()


def test_a_home_without_a_config_gets_the_projects(monkeypatch, tmp_path: Path):
    """By its own defaults Dagster would send telemetry and retry nothing."""
    (tmp_path / CONFIG).symlink_to(tmp_path / "a project that has moved")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with opened_instance() as instance:
        assert not instance.telemetry_enabled
        assert instance.run_retries_enabled
    assert (tmp_path / CONFIG).resolve() == PROJECTS_CONFIG
    (tmp_path / CONFIG).unlink()  # initialised already
    with opened_instance() as instance:
        assert not instance.telemetry_enabled


def test_a_config_of_the_users_own_stays(monkeypatch, tmp_path: Path):
    (tmp_path / CONFIG).write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with opened_instance() as instance:
        assert not instance.run_retries_enabled
    assert (tmp_path / CONFIG).read_text() == "telemetry: {enabled: false}\n"


def test_where_there_is_none_to_link_the_home_is_refused(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr("fints_pipeline.defs.home.PROJECTS_CONFIG", tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match=CONFIG), opened_instance():
        pass


def test_a_home_is_marked_once_it_is_initialised(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with opened_instance() as instance:
        assert instance.get_runs() == []
    assert (tmp_path / MARK).is_file()


@pytest.mark.slow
def test_eight_processes_may_come_first_at_once(tmp_path: Path, project: Path):
    script = (
        "from fints_pipeline.defs.home import opened_instance\n"
        "from dagster._core.test_utils import create_run_for_test\n"
        "from fints_pipeline.defs.partitions import INSTRUMENTS, register\n"
        "with opened_instance() as instance:\n"
        "    create_run_for_test(instance)\n"
        "    register(instance, INSTRUMENTS, ['x.A'])\n"
    )
    environment = {"DAGSTER_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            cwd=project,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * 8, errors
    environment_check = subprocess.run(
        [
            sys.executable,
            "-c",
            script.replace("create_run_for_test(instance)", "print(len(instance.get_runs()))"),
        ],
        env=environment,
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert environment_check.stdout.strip() == "8"
