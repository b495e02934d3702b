"""Training on a Ray cluster, by the page's file alone: the weights, failures, retries, deaths."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.defs.settling import settle
from fints_pipeline_tests.deploy.installation import Installation
from fints_pipeline_tests.servers.ray_head import RayHead, processes_of, ray_head

# What `make deploy` installs is there in the full run of the tests.
pytestmark = [pytest.mark.server, pytest.mark.slow]
AGAIN = """
import json, os, sys
import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableRepository
code = ReconstructableRepository.for_module("fints_pipeline.definitions", "defs", os.getcwd())
with dg.DagsterInstance.get() as instance:
    (failed,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
    job = code.get_reconstructable_job("train")
    with dg.execute_job(job, instance, reexecution_options=options, tags=failed.tags) as result:
        sys.exit(0 if result.success else 1)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Installation:
    """Return an installation with everything before training."""
    made = Installation(tmp_path_factory.mktemp("data"), project)
    made.deliver()
    made.execute("ingest")
    for month in ("2024-07", "2024-08"):
        made.execute("data", instrument="synthetic.EDGE", month=month)
    made.execute("folds")
    return made


@pytest.fixture(scope="module")
def fold(data: Installation) -> str:
    """Return the partition of the first fold."""
    with dg.DagsterInstance.from_config(str(data.root / "dagster")) as instance:
        keys = instance.get_dynamic_partitions("folds")
    return min(key for key in keys if key.startswith("tiny."))


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    with ray_head() as running:
        yield running


def on_ray(folder: Path, data: Installation, head: RayHead) -> Installation:
    """Return a copy of an installation whose training the page's file sends to a cluster."""
    shutil.copytree(data.root, folder, symlinks=True)
    page = (data.project / "configs" / "deploy" / "executors-ray.yaml").read_text()
    assert "http://127.0.0.1:8265" in page
    file = folder / "executors.yaml"
    file.write_text(page.replace("http://127.0.0.1:8265", head.address) + "  patience: 6\n")
    return Installation(folder, data.project, {"FINTS_EXECUTORS": str(file)})


def weights(place: Installation) -> dict[str, str]:
    """Return the SHA-256 of every file of weights."""
    root = place.root / "lake"
    files = sorted(root.rglob("*.safetensors"))
    return {str(file.relative_to(root)): sha256(file.read_bytes()).hexdigest() for file in files}


def last_run(place: Installation) -> dg.DagsterRun:
    with dg.DagsterInstance.from_config(str(place.root / "dagster")) as instance:
        return instance.get_runs(limit=1)[0]


def begun(place: Installation, run: subprocess.Popen[str]) -> bool:
    """Return whether a step of the last run is under way."""
    assert run.poll() is None, run.communicate()[0][-6000:]
    with dg.DagsterInstance.from_config(str(place.root / "dagster")) as instance:
        last = instance.get_runs(limit=1)[0]
        started = instance.all_logs(last.run_id, of_type=dg.DagsterEventType.STEP_START)
    return last.status == dg.DagsterRunStatus.STARTED and bool(started)


def until(happened: Callable[[], bool], patience: float = 120) -> None:
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_weights_are_those_of_a_process_after_a_failure_and_a_retry(
    tmp_path: Path, data: Installation, fold: str, head: RayHead
) -> None:
    ray = on_ray(tmp_path / "ray", data, head)
    plain = shutil.copytree(data.root, tmp_path / "plain", symlinks=True)
    here = Installation(plain, data.project)
    said = ray.execute("pretrain", all=fold)
    for step in ("token_vocabulary", "pretrained_models"):
        assert f'Executing step "{step}" in Ray job' in said
    (model,) = (ray.root / "lake" / "bundles" / "models").rglob("*=mlm")
    model.rename(tmp_path / "hidden")
    failed = ray.start("train", all=fold)
    said = failed.communicate()[0]
    assert failed.returncode == 1
    assert "Steps failed: ['trained_models']" in said
    assert f"models/{fold.replace('.', '/')}/mlm does not exist in the lake" in said
    assert weights(ray) == {}
    (tmp_path / "hidden").rename(model)
    again = ray.python("-c", AGAIN)
    said = again.communicate()[0]
    assert again.returncode == 0, said[-6000:]
    for step in ("trained_models", "predictions"):
        assert f'Executing step "{step}" in Ray job' in said
    for job in ("pretrain", "train"):
        assert "Ray" not in here.execute(job, all=fold)
    assert len(weights(here)) == 3
    assert weights(ray) == weights(here)
    assert ray.digests("predictions") == here.digests("predictions") != {}
    until(lambda: processes_of(str(ray.root)) == [])


def test_the_job_of_a_killed_run_is_stopped(
    tmp_path: Path, data: Installation, fold: str, head: RayHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = on_ray(tmp_path / "ray", data, head)
    run = ray.start("pretrain", all=fold)
    until(lambda: begun(ray, run))
    assert head.listens_elsewhere() == []
    run.send_signal(signal.SIGKILL)
    run.communicate()
    for name, value in ray.environment().items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.from_config(str(ray.root / "dagster")) as instance:
        (settled,) = settle(instance, time.time())
    assert f"Stopped 1 of its steps on {head.address}." in settled.why
    assert last_run(ray).status == dg.DagsterRunStatus.FAILURE
    until(lambda: processes_of(str(ray.root)) == [])


def test_a_run_whose_cluster_is_killed_fails_and_says_so(
    tmp_path: Path, data: Installation, fold: str, head: RayHead
) -> None:
    """The last, since it leaves no cluster."""
    ray = on_ray(tmp_path / "ray", data, head)
    run = ray.start("pretrain", all=fold)
    until(lambda: begun(ray, run))
    head.kill()
    said = run.communicate(timeout=180)[0]
    assert run.returncode == 1
    assert f"Ray's job server at {head.address} has not answered for" in said
    assert last_run(ray).status == dg.DagsterRunStatus.FAILURE
    assert processes_of(str(ray.root)) == []
    assert weights(ray) == {}
    assert list((ray.root / "lake").rglob(".tmp-*")) == []
    refused = ray.start("pretrain", all=fold)
    assert "no Ray cluster answers" in refused.communicate()[0]
    assert refused.returncode == 1
