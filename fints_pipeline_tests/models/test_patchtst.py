"""PatchTST: size and arithmetic of the paper's network."""

import pytest
import torch
from pydantic import ValidationError

from fints_pipeline.models._base import parameter_count
from fints_pipeline.models._encoder import Encoder
from fints_pipeline.models._instance_norm import InstanceNorm
from fints_pipeline.models._patchtst_network import PatchTST
from fints_pipeline.models.patchtst import PatchTSTConfig, build


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, 81_728),
        ({"lookback": 512}, 115_872),
        ({"width": 128, "heads": 16, "feed_forward": 256}, 921_184),
        ({"lookback": 512, "width": 128, "heads": 16, "feed_forward": 256}, 1_194_336),
    ],
)
def test_parameter_counts_of_the_reference(settings: dict[str, int], parameters: int) -> None:
    config = PatchTSTConfig(residual_attention=True, **settings)
    assert parameter_count(build(config)) == parameters


def test_patches_are_cut_and_the_end_is_padded_by_the_last_step() -> None:
    config = PatchTSTConfig(lookback=8, patch=4, stride=2, width=4, heads=1)
    patches = PatchTST(config).patched(torch.arange(8.0)[None, :, None])
    expected = [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 7, 7]]
    assert patches[0, 0].tolist() == expected
    assert config.patches == 4


def test_without_earlier_scores_both_attentions_agree() -> None:
    config = PatchTSTConfig(lookback=32, patch=8, stride=4, layers=1, horizon=3)
    torch.manual_seed(0)
    plain = PatchTST(config).eval()
    residual = PatchTST(config.model_copy(update={"residual_attention": True})).eval()
    residual.load_state_dict(plain.state_dict())
    x_BLC = torch.randn(5, 32, 2)
    with torch.no_grad():
        torch.testing.assert_close(plain(x_BLC), residual(x_BLC), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("residual", [False, True])
def test_a_causal_encoder_does_not_see_later_patches(residual: bool) -> None:
    torch.manual_seed(0)
    encoder = Encoder(2, 8, 2, 16, 0.0, residual_attention=residual, causal=True).eval()
    z_BND = torch.randn(3, 6, 8)
    shocked = z_BND.clone()
    shocked[:, 4:] = torch.randn(3, 2, 8)
    with torch.no_grad():
        before, after = encoder(z_BND), encoder(shocked)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_channels_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = build(PatchTSTConfig(lookback=32, patch=8, stride=4, horizon=3)).eval()
    x_BLC = torch.randn(2, 32, 3)
    changed = x_BLC.clone()
    changed[:, :, 1] = torch.randn(2, 32)
    with torch.no_grad():
        before, after = network(x_BLC), network(changed)
    assert torch.equal(before[:, :, [0, 2]], after[:, :, [0, 2]])
    assert not torch.equal(before[:, :, 1], after[:, :, 1])


def test_standard_norm_follows_the_windows_units() -> None:
    torch.manual_seed(0)
    network = build(PatchTSTConfig(lookback=32, patch=8, stride=4, horizon=3)).eval()
    x_BLC = 10 * torch.randn(2, 32, 1)
    with torch.no_grad():
        torch.testing.assert_close(
            network(4 * x_BLC + 7), 4 * network(x_BLC) + 7, rtol=1e-3, atol=1e-2
        )


def test_zero_head_forecasts_the_mean_or_no_change() -> None:
    x_BLC = 3 + torch.randn(2, 32, 1)
    for norm, expected in (("standard", x_BLC.mean(1)), ("scale", torch.zeros(2, 1))):
        config = PatchTSTConfig(
            lookback=32, patch=8, stride=4, horizon=3, zero_head=True, instance_norm=norm
        )
        with torch.no_grad():
            forecast = build(config).eval()(x_BLC)
        torch.testing.assert_close(forecast, expected[:, None].expand(2, 3, 1))


@pytest.mark.parametrize("kind", ["standard", "scale", "none"])
def test_instance_norm_is_undone_exactly(kind: str) -> None:
    norm = InstanceNorm(kind, channels=3, affine=kind == "standard")  # type: ignore[arg-type]
    if kind == "standard":
        torch.nn.init.uniform_(norm.weight_C, 0.5, 2)
        torch.nn.init.uniform_(norm.bias_C)
    x_BLC = 5 + 2 * torch.randn(4, 16, 3)
    normal, restore = norm(x_BLC)
    torch.testing.assert_close(restore(normal), x_BLC, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lookback": 8, "patch": 16}, "longer than lookback"),
        ({"width": 10, "heads": 4}, "not a multiple of heads"),
        ({"affine": True}, "affine needs"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PatchTSTConfig(**settings)
