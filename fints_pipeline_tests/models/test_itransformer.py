"""iTransformer against torch's own layers with the same weights, arranged as in the reference."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from fints_pipeline.models._base import parameter_count
from fints_pipeline.models._heads import QuantileHead
from fints_pipeline.models._itransformer_network import ITransformer, Layer
from fints_pipeline.models.itransformer import ITransformerConfig, build

SMALL = {"lookback": 24, "horizon": 5, "width": 8, "heads": 2, "feed_forward": 16, "layers": 2}


def test_parameter_count_of_the_reference() -> None:
    assert parameter_count(build(ITransformerConfig())) == 841_568


def torch_layer(layer: Layer, config: ITransformerConfig) -> nn.TransformerEncoderLayer:
    """Return torch's post-norm encoder layer with a layer's weights."""
    twin = nn.TransformerEncoderLayer(
        config.width,
        config.heads,
        config.feed_forward,
        config.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=False,
    )
    first, _, _, second = layer.feed_forward
    names = {
        "self_attn.in_proj_weight": layer.queries_keys_values.weight,
        "self_attn.in_proj_bias": layer.queries_keys_values.bias,
        "self_attn.out_proj.weight": layer.project.weight,
        "self_attn.out_proj.bias": layer.project.bias,
        "linear1.weight": first.weight,
        "linear1.bias": first.bias,
        "linear2.weight": second.weight,
        "linear2.bias": second.bias,
        "norm1.weight": layer.attention_norm.weight,
        "norm1.bias": layer.attention_norm.bias,
        "norm2.weight": layer.feed_forward_norm.weight,
        "norm2.bias": layer.feed_forward_norm.bias,
    }
    twin.load_state_dict({name: value.detach() for name, value in names.items()})
    return twin.eval()


def test_forecasts_equal_the_reference_arithmetic() -> None:
    torch.manual_seed(0)
    config = ITransformerConfig(**SMALL)
    network = ITransformer(config).eval()
    for p in network.parameters():
        nn.init.normal_(p, std=0.3)
    past, time = 5 + 3 * torch.randn(4, 24, 3), torch.rand(4, 24, 2) - 0.5
    with torch.no_grad():
        mean, deviation = past.mean(1, keepdim=True), past.std(1, keepdim=True, correction=0)
        scale = (deviation**2 + 1e-5).sqrt()
        tokens = torch.cat([(past - mean) / scale, time], -1).transpose(1, 2)
        z = network.embed(tokens)
        for layer in network.layers:
            z = torch_layer(layer, config)(z)
        expected = network.head(network.norm(z)).transpose(1, 2)[:, :, :3] * scale + mean
        torch.testing.assert_close(network(past, time), expected, atol=1e-4, rtol=1e-5)


def test_channels_see_each_other_and_their_order_does_not_matter() -> None:
    torch.manual_seed(0)
    network = build(ITransformerConfig(**SMALL)).eval()
    past = torch.randn(2, 24, 3)
    changed = past.clone()
    changed[:, :, 1] = torch.randn(2, 24)
    order = [2, 0, 1]
    with torch.no_grad():
        before = network(past)
        assert not torch.equal(before[..., 0], network(changed)[..., 0])
        torch.testing.assert_close(network(past[..., order]), before[..., order])


def test_calendar_columns_are_read_and_have_no_forecast() -> None:
    torch.manual_seed(0)
    network = build(ITransformerConfig(**SMALL)).eval()
    past = torch.randn(2, 24, 3)
    with torch.no_grad():
        plain, timed = network(past), network(past, torch.randn(2, 24, 4))
    assert timed.shape == plain.shape == (2, 5, 3)
    assert not torch.equal(plain, timed)


def test_quantiles_a_step() -> None:
    network = build(ITransformerConfig(**SMALL, head=QuantileHead(levels=(0.1, 0.9))))
    assert network(torch.randn(2, 24, 3)).shape == (2, 5, 3, 2)


def test_heads_share_the_width() -> None:
    with pytest.raises(ValidationError, match="not a multiple of heads"):
        ITransformerConfig(width=10, heads=4)
