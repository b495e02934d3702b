"""The TFT: its parts by hand in NumPy, what each step may see, the weights that are read out."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.models import tft
from fints_pipeline.models._base import parameter_count
from fints_pipeline.models._heads import PointHead
from fints_pipeline.models._tft_network import TFT
from fints_pipeline.models._tft_parts import (
    GatedResidual,
    InterpretableAttention,
    VariableSelection,
)
from fints_pipeline.models.tft import TftConfig


def drawn(part: nn.Module) -> nn.Module:
    """Return a part in double precision with parameters that are far from their initial values."""
    torch.manual_seed(0)
    part = part.double().eval()
    for p in part.parameters():
        nn.init.normal_(p, std=0.7)
    return part


def linear(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()
    return x @ layer.weight.detach().numpy().T + bias


def gated(part: nn.Module, x: np.ndarray, skip: np.ndarray) -> np.ndarray:
    """Return LayerNorm(skip + value · sigmoid(gate))."""
    value, gate = np.split(linear(part.gate, x), 2, axis=-1)
    total = skip + value / (1 + np.exp(-gate))
    centred = total - total.mean(-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + part.norm.eps)
    return normal * part.norm.weight.detach().numpy() + part.norm.bias.detach().numpy()


def grn(part: GatedResidual, a: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
    """Return the gated residual network by its equations."""
    hidden = linear(part.first, a) + (0 if c is None else linear(part.context, c))
    hidden = np.where(hidden > 0, hidden, np.exp(np.minimum(hidden, 0)) - 1)
    skip = linear(part.skip, a) if isinstance(part.skip, nn.Linear) else a
    return gated(part.close, linear(part.second, hidden), skip)


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("outputs", [0, 3])
def test_the_gated_residual_network(outputs: int) -> None:
    part = drawn(GatedResidual(4, 6, 0.1, context=2, outputs=outputs))
    a, c = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    with torch.no_grad():
        np.testing.assert_allclose(part(a, c), grn(part, a.numpy(), c.numpy()), atol=1e-12)


def test_variable_selection() -> None:
    part = drawn(VariableSelection(3, 4, 0.1, context=4))
    x, c = torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 1, 4, dtype=torch.float64)
    with torch.no_grad():
        found, weights = part(x, c)
    parts = [linear(layer, x.numpy()[..., [i]]) for i, layer in enumerate(part.embed)]
    expected_weights = softmax(grn(part.choose, np.concatenate(parts, -1), c.numpy()))
    changed = [grn(one, inputs) for one, inputs in zip(part.transform, parts, strict=True)]
    expected = sum(expected_weights[..., [i]] * changed[i] for i in range(3))
    np.testing.assert_allclose(weights, expected_weights, atol=1e-12)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(weights.sum(-1), 1)


def test_interpretable_attention() -> None:
    part = drawn(InterpretableAttention(4, 2, 0.1))
    z = torch.randn(1, 5, 4, dtype=torch.float64)
    with torch.no_grad():
        mixed, weights = part(z, queries=2)
    rows = z[0].numpy()
    q, k, v = (linear(layer, rows) for layer in (part.queries, part.keys, part.values))
    expected = np.zeros((2, 5))
    for row, now in enumerate((3, 4)):
        for head in (slice(0, 2), slice(2, 4)):
            scores = np.array([q[now, head] @ k[t, head] / np.sqrt(2) for t in range(now + 1)])
            expected[row, : now + 1] += softmax(scores) / 2
    np.testing.assert_allclose(weights[0], expected, atol=1e-12)
    np.testing.assert_allclose(mixed[0], linear(part.project, expected @ v), atol=1e-12)


def example() -> tuple[TFT, dict[str, torch.Tensor]]:
    batch = tft.example_batch()
    torch.manual_seed(0)
    network = tft.build(batch.config).eval()
    for p in network.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=0.5)
    return network, batch.inputs


def test_a_step_sees_no_later_calendar() -> None:
    network, inputs = example()
    later = {**inputs, "future_time": inputs["future_time"].clone()}
    later["future_time"][:, 1:] += 1
    with torch.no_grad():
        before, after = network(**inputs), network(**later)
    torch.testing.assert_close(before[:, 0], after[:, 0], rtol=0, atol=0)
    assert not torch.allclose(before[:, 1], after[:, 1])


@pytest.mark.parametrize("name", ["past", "past_time", "future_time", "instrument"])
def test_every_input_is_read(name: str) -> None:
    network, inputs = example()
    changed = inputs[name].roll(1, 0) if name == "instrument" else inputs[name] + 0.5
    with torch.no_grad():
        assert not torch.allclose(network(**inputs), network(**{**inputs, name: changed}))


def test_the_weights_that_are_read_out() -> None:
    network, inputs = example()
    with torch.no_grad():
        found = network.explain(**inputs)
        assert torch.equal(found.forecast, network(**inputs))
    assert found.past_weights.shape == (4, 8, 3 + 2 + 1)
    assert found.future_weights.shape == (4, 3, 2 + 1)
    assert found.attention.shape == (4, 3, 8 + 3)
    for weights in (found.past_weights, found.future_weights, found.attention):
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    assert (found.attention[:, 0, 9:] == 0).all()
    assert (found.attention[:, 1, 10:] == 0).all()
    assert (found.attention[:, 2, 10] > 0).all()


def test_an_input_without_a_say_has_no_weight() -> None:
    """Learning a target that is one channel's last value moves the weights to that channel."""
    torch.manual_seed(0)
    config = TftConfig(
        lookback=6, horizon=1, width=8, heads=2, channels=3, target=0, dropout=0.0, head=PointHead()
    )
    network = tft.build(config)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(150):
        past = torch.randn(64, 6, 3)
        loss = (network(past)[:, 0, 0] - past[:, -1, 2]).square().mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        found = network.eval().explain(torch.randn(256, 6, 3))
    last = found.past_weights[:, -1].mean(0)
    assert loss.item() < 0.2
    assert last[2] > last[0] + 0.2
    assert last[2] > last[1] + 0.2


def test_parameter_count_follows_from_the_equations() -> None:
    d, channels, columns, instruments, quantiles, head_width = 32, 3, 6, 2, 7, 8

    def grn_count(inputs: int, context: int = 0, outputs: int = d) -> int:
        skip = inputs * outputs + outputs if inputs != outputs else 0
        gate = d * 2 * outputs + 2 * outputs + 2 * outputs
        return inputs * d + d + context * d + d * d + d + skip + gate

    def selection(variables: int) -> int:
        choose = grn_count(variables * d, context=d, outputs=variables)
        return variables * (2 * d + grn_count(d)) + choose

    gate = 2 * d * d + 2 * d + 2 * d
    lstm = 4 * d * (d + d) + 2 * 4 * d
    attention = 2 * (d * d + d) + d * head_width + head_width + head_width * d
    expected = (
        instruments * d
        + 5 * grn_count(d)
        + selection(channels + columns + 1)
        + selection(columns + 1)
        + 2 * lstm
        + 3 * gate
        + grn_count(d, context=d)
        + attention
        + grn_count(d)
        + d * quantiles
        + quantiles
    )
    config = TftConfig(channels=channels, time_columns=columns, instruments=instruments)
    assert parameter_count(tft.build(config)) == expected == 158_948


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="number of channels is not set"):
        tft.build(TftConfig())
    with pytest.raises(ValidationError, match="target 3 is not one of 3 channels"):
        TftConfig(channels=3, target=3)
    with pytest.raises(ValidationError, match="not a multiple of heads"):
        TftConfig(width=10, heads=4)
