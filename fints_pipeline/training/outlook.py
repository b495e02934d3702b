"""What a forecaster says of the target channel: its path, and quantiles of the label's return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from fints_pipeline.models._base import NetworkConfig
from fints_pipeline.training.calls import INPUTS, asks_for, call
from fints_pipeline.training.dataset import FloatArray
from fints_pipeline.training.samples import PastAndFuture

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Levels of the predictions table's quantile columns."""
QUANTILE_COLUMNS = tuple(f"q{100 * level:02.0f}" for level in LEVELS)
SCORING_BATCH = 512


@dataclass(frozen=True)
class Outlook:
    """Forecasts of N bars in scaled units.

    Attributes:
        path_NH: expected value of each of the next H steps (sums of them, where they are learned).
        quantile_NQ: of the sum of the label's steps, at `LEVELS`; NaN at levels beyond the head's,
            None for points.
    """

    path_NH: FloatArray
    quantile_NQ: FloatArray | None = None


@torch.no_grad()
def look_ahead(
    network: nn.Module, config: NetworkConfig, samples: PastAndFuture, target: int, steps: int
) -> Outlook:
    """Forecast the bars of ``samples``; their future is not read.

    Args:
        network: in evaluation mode afterwards.
        config: the network's; its head says what the output means.
        samples: windows.
        target: place of the target among the channels.
        steps: bars that the label's return runs over.
    """
    network.eval()
    # In the middle of a fit it is where the fit runs; all but the network's own part is on the CPU.
    device = next((one.device for one in network.parameters()), torch.device("cpu"))
    head = getattr(config, "head", None)
    paths: list[FloatArray] = []
    quantiles: list[FloatArray | None] = []
    for rows in torch.split(samples.rows, SCORING_BATCH):
        if not len(rows):
            continue
        batch = {name: value.to(device) for name, value in samples.inputs(rows).items()}
        if config.samples_paths:
            found = _sampled(network, batch, target, steps)
        else:
            forecast = target_of(call(network, batch), target).cpu()
            found = _read(head, forecast, steps)
        paths.append(found[0].double().numpy())
        quantiles.append(found[1])
    if not paths:
        return Outlook(np.empty((0, 0)))
    known = [one for one in quantiles if one is not None]
    return Outlook(np.concatenate(paths), np.concatenate(known) if known else None)


def target_of(forecast: Tensor, target: int) -> Tensor:
    """Return the target's (B, H, 1[, K]); a network of one channel forecasts no other."""
    place = target if forecast.shape[2] > 1 else 0
    return forecast[:, :, place : place + 1]


def _read(head: Any, forecast: Tensor, steps: int) -> tuple[Tensor, FloatArray | None]:
    if head is None or head.kind == "point":
        return forecast[:, :, 0], None
    levels = reached(head)
    found = head.quantiles(forecast, levels)[:, steps - 1, 0].double().numpy()
    return head.mean(forecast)[:, :, 0], at_levels(found, levels)


def _sampled(
    network: nn.Module, batch: dict[str, Tensor], target: int, steps: int
) -> tuple[Tensor, FloatArray | None]:
    wanted = asks_for(network)
    known = {name: batch[name] for name in INPUTS if name in wanted and name in batch}
    paths_SBHC = cast(Any, network).sample(**known)
    place = target if paths_SBHC.shape[3] > 1 else 0
    paths_SBH = paths_SBHC[..., place].cpu().double()
    total_SB = paths_SBH[:, :, :steps].sum(dim=2)
    levels = torch.tensor(LEVELS, dtype=torch.float64)
    return paths_SBH.mean(dim=0), torch.quantile(total_SB, levels, dim=0).T.numpy()


def reached(head: Any) -> tuple[float, ...]:
    """Return the levels that a head can tell; all of them where nothing limits it."""
    own = getattr(head, "levels", None)
    if own is None:
        return LEVELS
    return tuple(level for level in LEVELS if min(own) <= level <= max(own))


def at_levels(found_NQ: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Return columns for all `LEVELS`, NaN where ``levels`` lacks one."""
    full = np.full((len(found_NQ), len(LEVELS)), np.nan)
    full[:, [LEVELS.index(level) for level in levels]] = found_NQ
    return full
