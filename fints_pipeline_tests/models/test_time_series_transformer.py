"""TimeSeriesTransformer: Hugging Face's own loss and draws, what each step may see, odd windows."""

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from fints_pipeline.models import time_series_transformer as sampled
from fints_pipeline.models import time_series_transformer_quantiles as direct
from fints_pipeline.models._base import ExampleBatch, parameter_count
from fints_pipeline.models._heads import NegativeBinomialHead, NormalHead
from fints_pipeline.models.time_series_transformer import TimeSeriesTransformerConfig
from fints_pipeline.models.time_series_transformer_quantiles import (
    TimeSeriesTransformerQuantilesConfig,
)

EXAMPLES = [sampled.example_batch(), *sampled.more_examples()]
KINDS = [example.config.head.kind for example in EXAMPLES]


def built(example: ExampleBatch) -> nn.Module:
    """Return the example's network with weights large enough to matter."""
    torch.manual_seed(0)
    module = direct if isinstance(example.config, TimeSeriesTransformerQuantilesConfig) else sampled
    network = module.build(example.config).eval()
    for p in network.parameters():
        nn.init.normal_(p, std=0.3)
    return network


def rows(values_BTC: Tensor) -> Tensor:
    """Return a batch's channels below each other."""
    return torch.cat([values.T for values in values_BTC])


def hugging_face_arguments(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch of two channels as Hugging Face's names of its rows."""
    return {
        "past_values": rows(inputs["past"]),
        "past_observed_mask": torch.ones_like(rows(inputs["past"])),
        "past_time_features": inputs["past_time"].repeat_interleave(2, 0),
        "future_time_features": inputs["future_time"].repeat_interleave(2, 0),
        "static_categorical_features": inputs["instrument"].repeat_interleave(2, 0)[:, None],
    }


def test_parameter_counts() -> None:
    """With Hugging Face's defaults, 24 steps, and two calendar columns or none."""
    assert parameter_count(sampled.build(TimeSeriesTransformerConfig(time_columns=2))) == 119_747
    assert parameter_count(sampled.build(TimeSeriesTransformerConfig())) == 119_491


@pytest.mark.parametrize("example", EXAMPLES, ids=KINDS)
def test_the_loss_is_hugging_faces(example: ExampleBatch) -> None:
    network = built(example)
    with torch.no_grad():
        theirs = network.model(
            **hugging_face_arguments(example.inputs), future_values=rows(example.inputs["future"])
        ).loss
        ours = example.config.head.loss(network(**example.inputs), example.inputs["future"])
    torch.testing.assert_close(ours.mean(), theirs)


@pytest.mark.parametrize("example", EXAMPLES, ids=KINDS)
def test_the_drawn_paths_are_hugging_faces(example: ExampleBatch) -> None:
    network = built(example)
    known = {name: value for name, value in example.inputs.items() if name != "future"}
    network.model.config.num_parallel_samples = 5
    torch.manual_seed(1)
    theirs = network.model.generate(**hugging_face_arguments(example.inputs)).sequences  # (8, 5, 3)
    torch.manual_seed(1)
    ours = network.sample(**known, paths=5)
    assert ours.shape == (5, 4, 3, 2)
    expected = theirs.view(4, 2, 5, 3).permute(2, 0, 3, 1)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("example", EXAMPLES, ids=KINDS)
def test_a_step_is_told_only_the_steps_before_it(example: ExampleBatch) -> None:
    network = built(example)
    later = {**example.inputs, "future": example.inputs["future"].clone()}
    later["future"][:, 1:] += 2
    with torch.no_grad():
        before, after = network(**example.inputs), network(**later)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.equal(before[:, 2], after[:, 2])


def test_untaught_each_step_is_told_the_expected_ones() -> None:
    example = EXAMPLES[0]
    network, head = built(example), example.config.head
    known = {name: value for name, value in example.inputs.items() if name != "future"}
    with torch.no_grad():
        raw = network(**known)
        taught = network(**known, future=head.mean(raw))
    torch.testing.assert_close(raw, taught, atol=1e-5, rtol=1e-5)


def test_paths_follow_the_seed_and_their_mean_the_distribution() -> None:
    example = EXAMPLES[0]
    network = built(example)
    known = {name: value for name, value in example.inputs.items() if name != "future"}
    torch.manual_seed(3)
    first = network.sample(**known, paths=2_000)
    torch.manual_seed(3)
    assert torch.equal(network.sample(**known, paths=2_000), first)
    with torch.no_grad():
        step = network(**known)[:, 0]
    median = first[:, :, 0].median(dim=0).values
    spread = step[..., 2]
    assert ((median - step[..., 1]).abs() < 0.2 * spread).all()


def test_counts_are_drawn_as_counts() -> None:
    example = EXAMPLES[KINDS.index("negative_binomial")]
    known = {name: value for name, value in example.inputs.items() if name != "future"}
    paths = built(example).sample(**known, paths=20)
    assert (paths >= 0).all()
    assert torch.equal(paths, paths.round())


def test_channels_are_series_of_their_own_and_instruments_differ() -> None:
    example = EXAMPLES[0]
    network = built(example)
    changed = {**example.inputs, "past": example.inputs["past"].clone()}
    changed["past"][..., 1] += 1
    other = {**example.inputs, "instrument": example.inputs["instrument"].roll(1)}
    with torch.no_grad():
        before = network(**example.inputs)
        torch.testing.assert_close(network(**changed)[:, :, 0], before[:, :, 0])
        assert not torch.allclose(network(**changed)[:, :, 1], before[:, :, 1])
        assert not torch.allclose(network(**other), before)


@pytest.mark.parametrize("example", [EXAMPLES[0], direct.example_batch()], ids=["step", "direct"])
def test_a_window_without_a_trade_is_finite(example: ExampleBatch) -> None:
    network = built(example)
    still = {**example.inputs, "past": torch.zeros_like(example.inputs["past"])}
    still.pop("future", None)
    raw = network(**still)
    assert torch.isfinite(raw).all()


def test_direct_quantiles_follow_the_scale_of_the_window() -> None:
    example = direct.example_batch()
    network = built(example)
    wider = {**example.inputs, "past": 8 * example.inputs["past"]}
    with torch.no_grad():
        # The scale itself is an input, so only the window that enters divided by it is the same.
        for p in network.model.encoder.value_embedding.parameters():
            p.data[:, 3:5] = 0
        for p in network.model.decoder.value_embedding.parameters():
            p.data[:, 3:5] = 0
        torch.testing.assert_close(network(**wider), 8 * network(**example.inputs))


def test_without_calendar_columns_and_with_a_shift() -> None:
    config = TimeSeriesTransformerConfig(
        lookback=10, horizon=3, lags=(1,), width=8, head=NormalHead(), scaling="std"
    )
    network = sampled.build(config).eval()
    past = 100 + torch.randn(2, 10, 1)
    assert (network.sample(past).mean(0) - 100).abs().max() < 20


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="leaves no context beside the largest lag 10"):
        TimeSeriesTransformerConfig(lookback=10, lags=(1, 10))
    with pytest.raises(ValidationError, match="cannot be shifted"):
        TimeSeriesTransformerConfig(head=NegativeBinomialHead(), scaling="std")
    with pytest.raises(ValidationError, match="not a multiple of heads"):
        TimeSeriesTransformerConfig(width=9)
