"""The CRF's tree scan against the plain loop over positions: likelihood and gradients, one core.

Batches of 64 sequences over 3 and 9 tags. Both give the same numbers, which is checked first; best
of five, alternating. Ratios hold for this run and machine.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

from fints_pipeline.models._crf import LinearChainCRF

BATCH, ROUNDS = 64, 5


def looped(crf: LinearChainCRF, emissions: Tensor, tags: Tensor) -> Tensor:
    """Return the log-likelihoods of whole, unmasked sequences, a position at a time."""
    alpha = crf.start_K + emissions[:, 0]
    score = alpha.gather(1, tags[:, :1])[:, 0]
    for t in range(1, emissions.shape[1]):
        step = crf.step_KK + emissions[:, t, None, :]
        alpha = (alpha[:, :, None] + step).logsumexp(1)
        own = emissions[:, t].gather(1, tags[:, t, None])[:, 0]
        score = score + crf.step_KK[tags[:, t - 1], tags[:, t]] + own
    return score - alpha.logsumexp(-1)


def scanned(crf: LinearChainCRF, emissions: Tensor, tags: Tensor) -> Tensor:
    """Return the same by the network's own function."""
    mask = torch.ones(emissions.shape[:2], dtype=torch.bool)
    return crf.log_likelihood(emissions, tags, mask)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    print(f"{'tags':>5} {'length':>7} {'loop':>10} {'scan':>10} {'ratio':>6}")
    for count in (3, 9):
        for length in (48, 256, 1024):
            seconds = _compare(count, length)
            loop, scan = (1e3 * one for one in seconds)
            print(f"{count:>5} {length:>7} {loop:>7.1f} ms {scan:>7.1f} ms {loop / scan:>5.1f}x")


def _compare(count: int, length: int) -> tuple[float, float]:
    torch.manual_seed(0)
    crf = LinearChainCRF(count)
    torch.nn.init.normal_(crf.step_KK)
    emissions = torch.randn(BATCH, length, count, requires_grad=True)
    tags = torch.randint(count, (BATCH, length))
    both = (looped, scanned)
    torch.testing.assert_close(*(f(crf, emissions, tags) for f in both), rtol=1e-3, atol=1e-3)
    best = [float("inf")] * 2
    for _ in range(ROUNDS):
        for place, function in enumerate(both):
            started = time.perf_counter()
            torch.autograd.backward(function(crf, emissions, tags).sum())
            best[place] = min(best[place], time.perf_counter() - started)
    return best[0], best[1]
