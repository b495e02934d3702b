"""Fusion: nothing is read before it is known; towers may be absent, pretrained, without text."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.models import (
    brooks_classifier,
    brooks_factorised_mlm,
    brooks_mlm,
    fusion,
    patchtst,
    patchtst_pretraining,
)
from fints_pipeline.models._base import parameter_count
from fints_pipeline.models.fusion import FusionConfig
from fints_pipeline.models.patchtst import PatchTSTConfig
from fints_pipeline.models.patchtst_pretraining import PatchTSTPretrainingConfig

EXAMPLES = [fusion.example_batch(), *fusion.more_examples()]
L = 16


def config(**changes: Any) -> FusionConfig:
    content = EXAMPLES[0].config.model_dump()
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(content[name], dict)
        content[name] = {**content[name], **value} if both else value
    return FusionConfig.model_validate(content)


def network(made: FusionConfig) -> Any:
    torch.manual_seed(0)
    built = fusion.build(made).eval()
    with torch.no_grad():  # open the gates, so that a leak could be seen
        for name, parameter in built.named_parameters():
            if name.endswith("gate.bias"):
                parameter.fill_(3.0)
    return built


def inputs_of(made: FusionConfig) -> dict[str, Tensor]:
    draws = torch.Generator().manual_seed(1)
    mask = torch.rand(3, L, generator=draws) < 0.6
    found = {"text": torch.randn(3, L, 6, generator=draws), "text_mask": mask}
    if made.patches is not None:
        found["past"] = torch.randn(3, L, 2, generator=draws)
    if made.tokens is not None:
        found["input_ids"] = torch.randint(5, 20, (3, L), generator=draws)
    return found if made.text is not None else {k: v for k, v in found.items() if "text" not in k}


def shocked_from(bar: int, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    changed = {name: value.clone() for name, value in inputs.items()}
    draws = torch.Generator().manual_seed(2)
    for name, value in changed.items():
        if name == "input_ids":
            value[:, bar:] = 5 + (value[:, bar:] - 4) % 15
        elif name == "text_mask":
            value[:, bar:] = ~value[:, bar:]
        else:
            noise = torch.randn(value[:, bar:].shape, generator=draws)
            value[:, bar:] = 10 * noise
    return changed


@pytest.mark.parametrize("bar", [1, 6, 11, 15])
@pytest.mark.parametrize(
    "changes", [{}, {"text": None}, {"tokens": None}, {"patches": None}], ids=str
)
def test_with_causal_towers_no_state_knows_a_later_bar(changes: Any, bar: int) -> None:
    made = config(**changes)
    built, inputs = network(made), inputs_of(made)
    with torch.no_grad():
        before, after = built.states(**inputs), built.states(**shocked_from(bar, inputs))
    known = built.query_times() < bar
    torch.testing.assert_close(before[:, known], after[:, known], atol=1e-6, rtol=1e-5)
    differs = ((before - after).abs() > 1e-4).any(-1)
    assert differs[:, ~known].all()


@pytest.mark.parametrize("shocked", ["past", "input_ids", "text"])
def test_every_input_reaches_the_output(shocked: str) -> None:
    made = config()
    built, inputs = network(made), inputs_of(made)
    changed = {**inputs, shocked: shocked_from(8, inputs)[shocked]}
    with torch.no_grad():
        assert not torch.allclose(built(**inputs).logits, built(**changed).logits, atol=1e-5)


def test_a_patch_is_known_at_its_last_bar() -> None:
    built = network(config())
    patches = built.patches.patched(torch.arange(float(L))[None, :, None])
    assert built.query_times().tolist() == patches[0, 0].amax(-1).long().tolist()
    assert built.query_times()[-1] == L - 1


def test_missing_text_may_be_anything_and_all_of_it_may_be_missing() -> None:
    made = config()
    built, inputs = network(made), inputs_of(made)
    hidden = inputs["text"].masked_fill(~inputs["text_mask"][..., None], torch.nan)
    without = {name: inputs[name] for name in ("past", "input_ids")}
    with torch.no_grad():
        given = built(**inputs).logits
        assert torch.equal(given, built(**{**inputs, "text": hidden}).logits)
        none = built(**{**inputs, "text_mask": torch.zeros(3, L, dtype=torch.bool)}).logits
        assert torch.equal(none, built(**without).logits)
    assert torch.isfinite(none).all()
    assert not torch.allclose(none, given)


def test_gradients_reach_every_tower() -> None:
    made = config()
    built = fusion.build(made).train()
    torch.autograd.backward(built(**inputs_of(made)).logits.square().sum())
    for tower in ("patches.embed.weight", "tokens.embeddings.word_embeddings.weight"):
        assert dict(built.named_parameters())[tower].grad.abs().sum() > 0
    assert built.text_projection.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("example", EXAMPLES)
def test_parameter_counts(example: Any) -> None:
    made: FusionConfig = example.config
    d, towers = made.width, 0
    built = network(made)
    if made.patches is not None:
        p = made.patches.width
        towers += parameter_count(built.patches) + made.channels * p * d + d
    if made.tokens is not None:
        towers += parameter_count(built.tokens) + made.tokens.width * d + d
    adapters = (made.patches is not None and made.tokens is not None) + (made.text is not None)
    towers += adapters * (6 * d * d + 10 * d)
    if made.text is not None:
        towers += made.text.embedding * d + d + made.lookback * d
    assert parameter_count(built) == towers + 2 * d + d * made.outputs + made.outputs


def test_a_forecast_is_in_the_units_of_the_target() -> None:
    scaled = {"instance_norm": "scale"}
    made = config(classes=None, causal=False, patches=scaled, tokens=None, text=None, target=1)
    built, past = network(made), 10 * torch.randn(3, L, 2)
    units = torch.tensor([4.0, 0.5])
    with torch.no_grad():
        forecast, other = built(past), built(past * units)
    assert forecast.shape == (3, 3, 1)
    torch.testing.assert_close(other, 0.5 * forecast, rtol=1e-3, atol=1e-3)


def test_maps_show_attention_and_gates() -> None:
    made = config()
    built, inputs = network(made), inputs_of(made)
    maps = built.maps(**inputs)
    queries = len(built.query_times())
    assert maps["attention"].shape == (3, 2, queries, 1 + L)
    assert maps["text_gate"].shape == (3, queries, made.width)
    absent = ~inputs["text_mask"][:, None, None].expand(3, 2, queries, L)
    assert not maps["text_attention"][..., 1:][absent].any()


def saved_towers(folder: Path, mlm: Any, lookback: int = L) -> dict[str, Path]:
    torch.manual_seed(3)
    folders = {"patches": folder / "patches", "tokens": folder / "tokens"}
    for one in folders.values():
        one.mkdir(parents=True)
    patches = PatchTSTConfig(
        lookback=lookback, horizon=2, patch=8, stride=4, width=4, heads=2, feed_forward=8,
        layers=1, instance_norm="scale",
    )  # fmt: skip
    patchtst.save(patchtst.build(patches), patches, folders["patches"])
    own = mlm.example_batch().config.model_copy(update={"max_length": lookback + 2})
    mlm.save(mlm.build(own), own, folders["tokens"])
    return folders


@pytest.mark.parametrize("mlm", [brooks_mlm, brooks_factorised_mlm])
def test_pretrained_towers_bring_their_size_and_weights(mlm: Any, tmp_path: Path) -> None:
    folders = saved_towers(tmp_path, mlm)
    made = config(causal=False, text=None, tokens={}, vocabulary_size=311)
    built: Any = fusion.build_from_pretrained(made, folders).eval()
    assert built.config.patches.width == 4
    assert built.config.factorised is (mlm is brooks_factorised_mlm)
    weights = mlm.load(folders["tokens"]).bert.state_dict()
    own = built.tokens.state_dict()
    assert own.keys() == weights.keys()
    assert all(torch.equal(own[name], value) for name, value in weights.items())
    encoder = patchtst.load(folders["patches"]).state_dict()
    for name, value in built.patches.state_dict().items():
        assert torch.equal(encoder[name], value)
    out = tmp_path / "out"
    out.mkdir()
    fusion.save(built, made, out)
    ids = torch.randint(5, 7, (2, L, 3) if built.config.factorised else (2, L))
    past = torch.randn(2, L, 2)
    with torch.no_grad():
        expected = built(past, ids).logits
        assert torch.equal(fusion.load(out)(past, ids).logits, expected)


def test_a_fine_tuned_classifier_can_be_the_token_tower(tmp_path: Path) -> None:
    example = brooks_classifier.example_batch()
    classifier = brooks_classifier.build(example.config)
    brooks_classifier.save(classifier, example.config, tmp_path)
    made = config(patches=None, text=None, lookback=14)
    built: Any = fusion.build_from_pretrained(made, {"tokens": tmp_path})
    table = "embeddings.word_embeddings.weight"
    assert torch.equal(built.tokens.state_dict()[table], classifier.bert.state_dict()[table])


def test_masked_patch_pretraining_can_be_the_patch_tower(tmp_path: Path) -> None:
    sizes = {"patch": 4, "stride": 4, "width": 8, "heads": 2, "feed_forward": 8, "layers": 1}
    own = PatchTSTPretrainingConfig(lookback=L, **sizes)
    saved = patchtst_pretraining.build(own)
    patchtst_pretraining.save(saved, own, tmp_path)
    made = config(causal=False, tokens=None, text=None)
    built: Any = fusion.build_from_pretrained(made, {"patches": tmp_path})
    assert built.config.patches.stride == 4
    for name, value in built.patches.state_dict().items():
        assert torch.equal(value, saved.state_dict()[name])


def test_towers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    short = saved_towers(tmp_path / "short", brooks_mlm, lookback=8)
    free = config(causal=False, text=None)
    with pytest.raises(ConfigError, match="lookback 8 is not lookback 16"):
        fusion.build_from_pretrained(free, {"patches": short["patches"]})
    with pytest.raises(ConfigError, match="max_length 10 is too short"):
        fusion.build_from_pretrained(free, {"tokens": short["tokens"]})
    with pytest.raises(ConfigError, match="no tower 'patch'"):
        fusion.build_from_pretrained(free, {"patch": tmp_path})
    with pytest.raises(LakeError, match="no network can be read"):
        fusion.build_from_pretrained(free, {"patches": tmp_path})
    fits = saved_towers(tmp_path / "fits", brooks_mlm)
    with pytest.raises(LakeError, match="no network can be read"):
        fusion.build_from_pretrained(free, {"patches": fits["tokens"]})
    with pytest.raises(ConfigError, match="whole window"):
        fusion.build_from_pretrained(config(), {"patches": fits["patches"]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patches": None, "tokens": None}, "at least one tower"),
        ({"width": 10, "heads": 4}, "not a multiple of heads"),
        ({"patches": {"instance_norm": "scale"}}, "whole window"),
        ({"patches": {"lookback": 8}}, "is not lookback"),
        ({"tokens": {"max_length": 12}}, "too short"),
        ({"tokens": {"vocabulary_size": None, "field_sizes": (7, 8)}}, "factorised: true"),
    ],
)
def test_impossible_settings_are_refused(changes: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)


def test_what_training_knows_must_be_set() -> None:
    for changes, message in (
        ({"channels": None}, "channels"),
        ({"classes": None, "target": None}, "target"),
        ({"tokens": {"vocabulary_size": None}}, "vocabulary_size"),
    ):
        with pytest.raises(ConfigError, match=message):
            fusion.build(config(**changes))


def test_the_look_back_is_the_towers_own() -> None:
    made = FusionConfig.model_validate({"lookback": 40, "patches": {}, "tokens": {}})
    assert made.patches is not None
    assert made.tokens is not None
    assert (made.patches.lookback, made.tokens.max_length) == (40, 42)
    assert FusionConfig.model_validate(made.model_dump()) == made
