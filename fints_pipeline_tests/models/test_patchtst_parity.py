"""PatchTST beside other implementations with its weights, and its parts beside torch's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import PatchTSTConfig as HuggingFaceConfig
from transformers import PatchTSTForPrediction

from fints_pipeline.models import _encoder
from fints_pipeline.models._attention import mix, scores
from fints_pipeline.models._dropout import Dropout, kept, twice
from fints_pipeline.models._patchtst_network import PatchTST
from fints_pipeline.models.patchtst import PatchTSTConfig
from fints_pipeline_tests.peers import run_peer

CHANNELS = 7


def perturbed(config: PatchTSTConfig) -> PatchTST:
    """Return a network of which no parameter or buffer has its initial value."""
    torch.manual_seed(0)
    network = PatchTST(config).eval()
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point():
            value.add_(1.6 / config.width * torch.randn_like(value))
    return network


def hugging_face(network: PatchTST) -> PatchTSTForPrediction:
    """Return Hugging Face's PatchTST with a network's settings and weights.

    It pads no end and its scaler sees what it is given, so both are left to the caller.
    """
    ours = network.config
    twin = PatchTSTForPrediction(
        HuggingFaceConfig(
            num_input_channels=CHANNELS,
            context_length=ours.lookback + ours.stride,
            prediction_length=ours.horizon,
            patch_length=ours.patch,
            patch_stride=ours.stride,
            num_hidden_layers=ours.layers,
            d_model=ours.width,
            num_attention_heads=ours.heads,
            ffn_dim=ours.feed_forward,
            norm_type="batchnorm",
            pre_norm=False,
            positional_encoding_type="random",
            pooling_type=None,
            use_cls_token=False,
            channel_attention=False,
            scaling=None,
            loss="mse",
        )
    ).eval()
    given = network.state_dict()
    taken = {
        "model.encoder.embedder.input_embedding": "embed",
        "head.projection": "head",
    }
    for i in range(ours.layers):
        theirs, own = f"model.encoder.layers.{i}", f"encoder.layers.{i}"
        taken |= {
            f"{theirs}.self_attn.out_proj": f"{own}.project",
            f"{theirs}.norm_sublayer1.batchnorm": f"{own}.attention_norm",
            f"{theirs}.ff.0": f"{own}.feed_forward.0",
            f"{theirs}.ff.3": f"{own}.feed_forward.3",
            f"{theirs}.norm_sublayer3.batchnorm": f"{own}.feed_forward_norm",
        }
        for place, name in enumerate(("q_proj", "k_proj", "v_proj")):
            for kind in ("weight", "bias"):
                joint = given[f"{own}.queries_keys_values.{kind}"].chunk(3)[place]
                given[f"qkv.{i}.{place}.{kind}"] = joint
            taken[f"{theirs}.self_attn.{name}"] = f"qkv.{i}.{place}"
    state = {"model.encoder.positional_encoder.position_enc": given["position_ND"]}
    for theirs, own in taken.items():
        parts = {name.removeprefix(own): v for name, v in given.items() if name.startswith(own)}
        state |= {theirs + part: value for part, value in parts.items()}
    twin.load_state_dict(state, strict=True)
    return twin


def padded(x_BLC: Tensor, stride: int) -> Tensor:
    return torch.cat([x_BLC, x_BLC[:, -1:].expand(-1, stride, -1)], dim=1)


@pytest.mark.parametrize(
    "settings", [{}, {"width": 128, "heads": 16, "feed_forward": 256}], ids=["d16", "d128"]
)
def test_hugging_faces_patchtst_gives_the_same(settings: dict[str, int]) -> None:
    network = perturbed(PatchTSTConfig(**settings))
    twin = hugging_face(network)
    past = 3 + 2 * torch.randn(8, 336, CHANNELS)
    with torch.no_grad():
        mean, scale = past.mean(1, keepdim=True), (past.var(1, keepdim=True, correction=0) + 1e-5)
        normal = (past - mean) / scale.sqrt()
        theirs = twin(past_values=padded(normal, 8)).prediction_outputs * scale.sqrt() + mean
        assert (network(past) - theirs).abs().max() < 1e-5


def test_gradients_equal_hugging_faces() -> None:
    network = perturbed(PatchTSTConfig(dropout=0.0))
    twin = hugging_face(network)
    past = torch.randn(4, 336, CHANNELS)
    mean, scale = past.mean(1, keepdim=True), (past.var(1, keepdim=True, correction=0) + 1e-5)
    normal = padded((past - mean) / scale.sqrt(), 8)
    torch.autograd.backward(network(past).square().mean())
    theirs = twin(past_values=normal).prediction_outputs * scale.sqrt() + mean
    torch.autograd.backward(theirs.square().mean())
    layer = network.encoder.layers[0]
    first = twin.model.encoder.layers[0].self_attn
    pairs = [
        (network.embed.weight, twin.model.encoder.embedder.input_embedding.weight),
        (network.position_ND, twin.model.encoder.positional_encoder.position_enc),
        (network.head.weight, twin.head.projection.weight),
        (layer.project.weight, first.out_proj.weight),
    ]
    for ours, other in pairs:
        assert ours.grad is not None
        torch.testing.assert_close(ours.grad, other.grad, atol=1e-6, rtol=1e-4)
    first = twin.model.encoder.layers[0].self_attn
    joint = torch.cat(
        [first.q_proj.weight.grad, first.k_proj.weight.grad, first.v_proj.weight.grad]
    )
    ours = network.encoder.layers[0].queries_keys_values.weight.grad
    torch.testing.assert_close(ours, joint, atol=1e-6, rtol=1e-4)


PEER = """
import torch
from neuralforecast.models.patchtst import PatchTST_backbone
net = PatchTST_backbone(c_in=7, c_out=1, input_size=336, h=96, patch_len=16, stride=8, n_layers=3,
    hidden_size=16, n_heads=4, linear_hidden_size=128, padding_patch="end", revin=True,
    affine=False, res_attention=bool(given["residual"])).eval()
net.load_state_dict({k[2:]: torch.from_numpy(v) for k, v in given.items() if k.startswith("w:")},
    strict=False)
missing = [k for k in net.state_dict() if "w:" + k not in given and "num_batches" not in k
    and not k.endswith("sdp_attn.scale")]
assert not missing, missing
with torch.no_grad():
    made["y"] = net(torch.from_numpy(given["x"])).numpy()
"""


@pytest.mark.slow
@pytest.mark.parametrize("residual", [True, False])
def test_the_papers_code_as_neuralforecast_carries_it_gives_the_same(
    residual: bool, tmp_path: Path
) -> None:
    network = perturbed(PatchTSTConfig(residual_attention=residual))
    given = {name: value.numpy() for name, value in network.state_dict().items()}
    patches, width = given["position_ND"].shape
    weights = {
        "backbone.W_P.weight": given["embed.weight"],
        "backbone.W_P.bias": given["embed.bias"],
        "backbone.W_pos": given["position_ND"],
        # There the head reads all patches of a feature before the next feature.
        "head.linear.weight": given["head.weight"]
        .reshape(-1, patches, width)
        .swapaxes(1, 2)
        .reshape(-1, patches * width),
        "head.linear.bias": given["head.bias"],
    }
    for i in range(3):
        own, theirs = f"encoder.layers.{i}", f"backbone.encoder.layers.{i}"
        for kind in ("weight", "bias"):
            joint = np.split(given[f"{own}.queries_keys_values.{kind}"], 3)
            for name, part in zip("QKV", joint, strict=True):
                weights[f"{theirs}.self_attn.W_{name}.{kind}"] = part
            weights[f"{theirs}.self_attn.to_out.0.{kind}"] = given[f"{own}.project.{kind}"]
            for place in (0, 3):
                weights[f"{theirs}.ff.{place}.{kind}"] = given[f"{own}.feed_forward.{place}.{kind}"]
        for norm, name in (("norm_attn", "attention_norm"), ("norm_ffn", "feed_forward_norm")):
            for kind in ("weight", "bias", "running_mean", "running_var"):
                weights[f"{theirs}.{norm}.1.{kind}"] = given[f"{own}.{name}.{kind}"]
    past = 0.5 + torch.randn(4, 336, CHANNELS)
    arrays = {f"w:{name}": np.ascontiguousarray(value) for name, value in weights.items()}
    made = run_peer(
        PEER,
        tmp_path,
        x=np.ascontiguousarray(past.numpy().swapaxes(1, 2)),
        residual=np.array(residual),
        **arrays,
    )
    with torch.no_grad():
        ours = network(past).numpy()
    assert np.abs(ours - made["y"].swapaxes(1, 2)).max() < 1e-5


def test_attention_by_products_equals_the_fused_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    network = perturbed(PatchTSTConfig())
    past = torch.randn(3, 336, 2)
    with torch.no_grad():
        by_products = network(past)
        monkeypatch.setattr(_encoder, "LONGEST_BY_PRODUCTS", 0)
        torch.testing.assert_close(network(past), by_products, atol=1e-5, rtol=1e-5)


def test_causal_attention_by_products_equals_the_fused_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    layer = _encoder.EncoderLayer(16, 4, 32, 0.1, causal=True).eval()
    z_BND = torch.randn(3, 12, 16)
    with torch.no_grad():
        by_products = layer(z_BND)
        monkeypatch.setattr(_encoder, "LONGEST_BY_PRODUCTS", 0)
        torch.testing.assert_close(layer(z_BND), by_products, atol=1e-5, rtol=1e-5)


def test_attention_and_its_gradients_equal_torchs() -> None:
    q, k, v = (torch.randn(6, 4, 10, dtype=torch.float64, requires_grad=True) for _ in range(3))
    earlier = torch.randn(6, 10, 10, dtype=torch.float64, requires_grad=True)
    ours = mix(scores(q, k, earlier), v)
    rows = [z.transpose(1, 2) for z in (q, k, v)]
    expected = scaled_dot_product_attention(*rows, attn_mask=earlier)
    torch.testing.assert_close(ours, expected)
    upstream = torch.randn_like(ours)
    for mine, theirs in zip(
        torch.autograd.grad(ours, (q, k, v, earlier), upstream),
        torch.autograd.grad(expected, (q, k, v, earlier), upstream),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("residual", [True, False])
def test_a_step_in_mixed_precision(residual: bool) -> None:
    network = perturbed(PatchTSTConfig(residual_attention=residual, dropout=0.0))
    past = torch.randn(2, 336, 3)
    with torch.no_grad():
        exact = network(past)
    with torch.autocast("cpu", torch.bfloat16):
        forecast = network(past)
        loss = forecast.square().mean()
    torch.autograd.backward(loss)
    assert (forecast - exact).abs().mean() < 0.05 * exact.abs().mean()
    gradient = network.encoder.layers[0].queries_keys_values.weight.grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    assert (gradient != 0).any()


@pytest.mark.parametrize("p", [0.1, 0.3, 0.75])
def test_dropout_keeps_the_share_and_the_expected_value(p: float) -> None:
    torch.manual_seed(0)
    mask = kept(400_003, p)
    assert (mask == 0).float().mean().item() == pytest.approx(p, abs=4e-3)
    assert mask.mean().item() == pytest.approx(1, abs=6e-3)
    assert len(mask.unique()) == 2
    # Neighbours come from one 64-bit draw: they must not be alike.
    alive = (mask > 0).double()
    for lag in (1, 2, 3, 4):
        product = (alive[lag:] * alive[:-lag]).mean().item()
        assert product == pytest.approx((1 - p) ** 2, abs=4e-3)


def test_dropout_follows_torchs_seed_and_is_idle_in_evaluation() -> None:
    layer, x = Dropout(0.5), torch.ones(3, 5)
    torch.manual_seed(1)
    first = layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first)
    assert not torch.equal(layer(x), first)
    assert layer.eval()(x) is x


def test_two_dropouts_are_one() -> None:
    torch.manual_seed(0)
    two = nn.Sequential(Dropout(0.3), Dropout(0.3))(torch.ones(400_000))
    one = Dropout(twice(0.3))(torch.ones(400_000))
    torch.testing.assert_close(two.unique(), one.unique(), rtol=1e-4, atol=0)
    shares = [(values == 0).float().mean().item() for values in (two, one)]
    assert shares[0] == pytest.approx(shares[1], abs=4e-3)
