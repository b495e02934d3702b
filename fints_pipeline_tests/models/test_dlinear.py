"""DLinear against its arithmetic, step by step in NumPy."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fints_pipeline.models._base import parameter_count
from fints_pipeline.models._dlinear_network import DLinear
from fints_pipeline.models._heads import NormalHead
from fints_pipeline.models.dlinear import DLinearConfig, build


def test_parameter_count_of_the_reference() -> None:
    assert parameter_count(build(DLinearConfig())) == 64_704


def plain(network: DLinear, x_BLC: np.ndarray) -> np.ndarray:
    """Return the forecasts by loops over windows, channels and steps."""
    half = network.config.kernel // 2
    weights = {name: value.detach().numpy() for name, value in network.named_parameters()}
    out = np.empty((len(x_BLC), network.config.horizon, x_BLC.shape[2]))
    for b, window in enumerate(x_BLC):
        for c, series in enumerate(window.T):
            padded = [series[0]] * half + list(series) + [series[-1]] * half
            trend = np.array(
                [np.mean(padded[t : t + network.config.kernel]) for t in range(len(series))]
            )
            out[b, :, c] = (
                weights["trend.weight"] @ trend
                + weights["trend.bias"]
                + weights["rest.weight"] @ (series - trend)
                + weights["rest.bias"]
            )
    return out


def test_forecasts_equal_the_plain_arithmetic() -> None:
    torch.manual_seed(0)
    network = DLinear(DLinearConfig(lookback=40, horizon=6, kernel=9))
    x_BLC = torch.randn(3, 40, 2)
    with torch.no_grad():
        np.testing.assert_allclose(network(x_BLC), plain(network, x_BLC.numpy()), atol=1e-5)


def test_a_kernel_wider_than_the_window_still_averages_what_there_is() -> None:
    torch.manual_seed(0)
    network = DLinear(DLinearConfig(lookback=5, horizon=2, kernel=25))
    x_BLC = torch.randn(1, 5, 1)
    with torch.no_grad():
        np.testing.assert_allclose(network(x_BLC), plain(network, x_BLC.numpy()), atol=1e-5)


def test_channels_do_not_see_each_other() -> None:
    network = build(DLinearConfig(lookback=30, horizon=4))
    x_BLC = torch.randn(2, 30, 3)
    changed = x_BLC.clone()
    changed[:, :, 1] += 1
    with torch.no_grad():
        before, after = network(x_BLC), network(changed)
    assert torch.equal(before[..., [0, 2]], after[..., [0, 2]])
    assert not torch.equal(before[..., 1], after[..., 1])


def test_a_distribution_a_step() -> None:
    head = NormalHead()
    raw = build(DLinearConfig(lookback=30, horizon=4, head=head))(torch.randn(2, 30, 3))
    assert raw.shape == (2, 4, 3, 2)
    assert (raw[..., 1] > 0).all()


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ValidationError, match="kernel 24 is even"):
        DLinearConfig(kernel=24)
