"""A training step of PatchTST against Hugging Face's and neuralforecast's; the loader's share.

L 336, H 96, d 16, 3 layers, batch 128 × 7 channels: forward, backward and Adam, one thread, the
networks taking turns in one process of the peers' environment (`make peers`). Goal: the median step
at least 1.5 times as fast as the faster peer's. The loader's share is the time of gathering as many
batches, over the time of training on them. On a CUDA device also windows a second and the share of
the card's peak that the network's own multiplications reach (model FLOP utilisation), for d 16 and
d 128, float32 and bfloat16, compiled and not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from fints_pipeline.models.patchtst import PatchTSTConfig, build
from fints_pipeline.training.batches import Batches
from fints_pipeline.training.samples import PastAndFuture
from fints_pipeline.training.windows import WindowTable

PROJECT = Path(__file__).resolve().parent.parent
PEER = PROJECT / ".venv-peers" / "bin" / "python"
ROUNDS, THREADS = 15, 1
GOAL, LOADER_GOAL = 1.5, 0.03
BATCH, CHANNELS, STEPS = 128, 7, 12
SIZES = {
    "d16": PatchTSTConfig(),
    "d128": PatchTSTConfig(width=128, heads=16, feed_forward=256, dropout=0.2),
}
# Dense bfloat16 peaks in FLOP/s, as the vendor's data sheets have them for the fastest form of a
# card; float32 is told against the same figure.
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "T4": 65e12}


@dataclass(frozen=True)
class Speed:
    """What a device does: windows (of all channels) a second, and multiplications a second."""

    windows: float
    flops: float


def against_peers() -> None:
    """Print each implementation's median step, and how many times as fast ours is."""
    if not PEER.exists():
        print("peers: no environment of theirs; `make peers` makes it")
        return
    script = PROJECT / "benchmarks" / "peers" / "patchtst_steps.py"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": str(THREADS)}
    done = subprocess.run(
        [PEER, script, str(ROUNDS), str(THREADS)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    taken: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    median = {name: statistics.median(times) for name, times in taken.items()}
    print(f"{'step of':36} {'median ms':>10} {'least ms':>10}")
    for name, times in taken.items():
        print(f"  {name:34} {1e3 * median[name]:10.0f} {1e3 * min(times):10.0f}")
    for kind in ("", ", residual attention"):
        own = median[f"fints_pipeline{kind}"]
        faster = min(v for k, v in median.items() if not k.startswith("fints_pipeline"))
        print(
            f"fints_pipeline{kind}: {faster / own:.2f} times as fast as the faster peer "
            f"(goal {GOAL})"
        )


def samples() -> PastAndFuture:
    """Return ETTh1's number of training windows over made values."""
    rng = np.random.default_rng(0)
    table = WindowTable([rng.normal(size=(8_640, CHANNELS)).astype(np.float32)])
    return PastAndFuture(table, torch.arange(335, 8_640 - 96), 336, 96)


def loader_share() -> float:
    """Return the time of gathering batches over that of training on as many."""
    torch.set_num_threads(THREADS)
    windows = samples()
    network = build(SIZES["d16"]).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    gathering = training = 0.0
    batches = iter(Batches(windows, BATCH, seed=0))
    for number in range(STEPS + 1):
        started = time.process_time()
        batch = next(batches)
        gathered = time.process_time()
        _step(network, optimizer, batch["past"], batch["future"])
        if number:  # the first warms up
            gathering += gathered - started
            training += time.process_time() - started
    return gathering / training


def speed(
    config: PatchTSTConfig, device: torch.device, *, half: bool, compiled: bool, batch: int = BATCH
) -> Speed:
    """Return what a device does with a network's training steps.

    Args:
        config: the network's.
        device: where to run.
        half: bfloat16 autocast.
        compiled: through torch.compile.
        batch: windows a step.
    """
    plain = build(config).train().to(device)
    shape = (batch, config.lookback, CHANNELS)
    x = torch.randn(shape, device=device)
    y = torch.randn(batch, config.horizon, CHANNELS, device=device)
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(nn.functional.mse_loss(plain(x), y))
    network: nn.Module = torch.compile(plain) if compiled else plain  # type: ignore[assignment]
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-4)
    for _ in range(5):
        _step(network, optimizer, x, y, half=half)
    _wait(device)
    started = time.perf_counter()
    for _ in range(STEPS):
        _step(network, optimizer, x, y, half=half)
    _wait(device)
    seconds = (time.perf_counter() - started) / STEPS
    return Speed(batch / seconds, counter.get_total_flops() / seconds)


def on_cuda() -> None:
    """Print the table of a CUDA device, or that there is none."""
    if not torch.cuda.is_available():
        print("GPU: none at hand here, so windows a second and utilisation are not measured")
        return
    device, name = torch.device("cuda"), torch.cuda.get_device_name()
    peak = next((value for card, value in PEAKS.items() if card in name), None)
    print(
        f"{name}: {'peak not known' if peak is None else f'{peak / 1e12:.0f} TFLOP/s dense bf16'}"
    )
    for size, config in SIZES.items():
        for half in (False, True):
            for compiled in (False, True):
                found = speed(config, device, half=half, compiled=compiled, batch=1024)
                used = "n/a" if peak is None else f"{found.flops / peak:.1%}"
                print(
                    f"  {size:5} {'bf16' if half else 'fp32'} "
                    f"{'compiled' if compiled else 'eager':9} {found.windows:12,.0f} windows/s  "
                    f"MFU {used}"
                )


def _step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    *,
    half: bool = False,
) -> None:
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
        loss = nn.functional.mse_loss(network(x), y)
    torch.autograd.backward(loss)
    optimizer.step()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Print the comparison, the loader's share and the GPU's table."""
    print(__doc__)
    against_peers()
    share = loader_share()
    print(f"loader: {share:.1%} of a step (goal: below {LOADER_GOAL:.0%})")
    on_cuda()
