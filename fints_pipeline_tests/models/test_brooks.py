"""The Brooks token networks: their size, and pretrained weights that arrive in the others."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
import transformers
from captum.attr import LayerIntegratedGradients
from pydantic import ValidationError
from torch import nn
from transformers import AutoModel, AutoModelForMaskedLM

from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.models import (
    brooks_classifier,
    brooks_factorised_mlm,
    brooks_mlm,
    brooks_tagger,
)
from fints_pipeline.models._base import NetworkConfig, parameter_count
from fints_pipeline.models._bert import (
    BertSettings,
    eager_attention,
    saved_settings,
    token_batch,
)
from fints_pipeline.models.brooks_classifier import BrooksClassifierConfig
from fints_pipeline.models.brooks_factorised_mlm import BrooksFactorisedMlmConfig
from fints_pipeline.models.brooks_mlm import BrooksMlmConfig
from fints_pipeline.models.brooks_tagger import BrooksTaggerConfig

CLASSES = ("calm", "normal", "lively", "wild")
MLMS = [brooks_mlm, brooks_factorised_mlm]
TEN_FIELDS = (9, 12, 16, 16, 12, 15, 15, 13, 16, 17)  # the grammar's, with five special ids each


def pretrained(mlm: ModuleType, folder: Path) -> nn.Module:
    torch.manual_seed(1)
    folder.mkdir(exist_ok=True)
    config = mlm.example_batch().config
    network: nn.Module = mlm.build(config)
    mlm.save(network, config, folder)
    return network


def encoder_size(settings: BertSettings) -> int:
    words = settings.vocabulary_size or sum(settings.field_sizes or ())
    d, w = settings.width, settings.feed_forward
    layer = 4 * d * d + 2 * d * w + 9 * d + w
    return d * (words + settings.max_length + 3) + settings.layers * layer


@pytest.mark.parametrize(
    ("mlm", "settings"),
    [
        (brooks_mlm, BrooksMlmConfig(vocabulary_size=311, max_length=66)),
        (brooks_factorised_mlm, BrooksFactorisedMlmConfig(field_sizes=TEN_FIELDS, max_length=66)),
    ],
)
def test_parameter_counts(mlm: ModuleType, settings: BertSettings) -> None:
    d, k = settings.width, len(CLASSES)
    words = settings.vocabulary_size or sum(settings.field_sizes or ())
    size = encoder_size(settings)
    assert parameter_count(mlm.build(settings)) == size + d * d + 3 * d + words
    own = BertSettings.model_validate(settings.model_dump())
    classifier = BrooksClassifierConfig(encoder=own, classes=CLASSES)
    pooler = d * d + d
    built = brooks_classifier.build(classifier)
    assert parameter_count(built) == size + pooler + k * (d + 1)
    for crf, extra in ((False, 0), (True, k + k * k)):
        tagger = BrooksTaggerConfig(encoder=own, classes=CLASSES, crf=crf)
        assert parameter_count(brooks_tagger.build(tagger)) == size + k * (d + 1) + extra


def test_ten_fields_cost_the_sum_of_their_values() -> None:
    settings = BrooksFactorisedMlmConfig(field_sizes=TEN_FIELDS)
    more = BrooksFactorisedMlmConfig(field_sizes=(*TEN_FIELDS, 10))
    grown = parameter_count(brooks_factorised_mlm.build(more))
    grown -= parameter_count(brooks_factorised_mlm.build(settings))
    assert grown == 10 * (settings.width + 1)


def test_they_are_the_named_hugging_face_classes() -> None:
    modules = (brooks_mlm, brooks_classifier, brooks_factorised_mlm, brooks_tagger)
    names = [type(m.build(m.example_batch().config)).__name__ for m in modules]
    expected = ["BertForMaskedLM", "BertForSequenceClassification"]
    assert names == [*expected, "FactorisedBertForMaskedLM", "BertTagger"]


@pytest.mark.parametrize("mlm", MLMS)
@pytest.mark.parametrize(
    ("module", "config"),
    [
        (brooks_classifier, BrooksClassifierConfig(classes=CLASSES)),
        (brooks_tagger, BrooksTaggerConfig(classes=CLASSES)),
        (brooks_tagger, BrooksTaggerConfig(classes=CLASSES, crf=True, causal=False)),
    ],
)
def test_the_pretrained_encoder_is_taken_over(
    mlm: ModuleType, module: ModuleType, config: NetworkConfig, tmp_path: Path
) -> None:
    weights = pretrained(mlm, tmp_path).state_dict()
    network = module.build_from_pretrained(config, tmp_path)
    taken = network.state_dict()
    encoder = {k: v for k, v in weights.items() if k.startswith("bert.")}
    assert len(encoder) > 10
    assert all(torch.equal(taken[name], value) for name, value in encoder.items())
    assert taken["classifier.weight"].shape == (len(CLASSES), 8)
    assert network.config.id2label == dict(enumerate(CLASSES))
    assert all(torch.isfinite(value).all() for value in taken.values())
    if getattr(config, "crf", False):
        assert not taken["crf.step_KK"].any()


@pytest.mark.parametrize("mlm", MLMS)
@pytest.mark.parametrize("module", [brooks_classifier, brooks_tagger])
def test_fine_tuned_networks_come_back_bit_for_bit(
    mlm: ModuleType, module: ModuleType, tmp_path: Path
) -> None:
    pretrained(mlm, tmp_path)
    crf = {"crf": True} if module is brooks_tagger else {}
    config = type(module.example_batch().config)(classes=CLASSES, **crf)
    network = module.build_from_pretrained(config, tmp_path)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    out = tmp_path / "out"
    out.mkdir()
    module.save(network, config, out)
    assert str(tmp_path) not in (out / "config.json").read_text()
    loaded = module.load(out)
    assert not loaded.training
    batch = token_batch(saved_settings(out))
    with torch.no_grad():
        assert torch.equal(loaded(**batch).logits, network(**batch).logits)
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_the_factorised_encoder_sums_its_fields_and_orders_them() -> None:
    torch.manual_seed(0)
    config = brooks_factorised_mlm.example_batch().config
    network = brooks_factorised_mlm.build(config).eval()
    table = network.get_input_embeddings().weight
    ids = torch.tensor([[[5, 6, 6]]])
    shares = []
    network.get_input_embeddings().register_forward_hook(lambda *args: shares.append(args[2]))
    with torch.no_grad():
        logits = network(ids).logits
    assert torch.equal(shares[0][0, 0], table[[5, 9 + 6, 9 + 12 + 6]])
    assert [part.shape[-1] for part in logits] == list(config.field_sizes)


@pytest.mark.parametrize("mlm", MLMS)
def test_hugging_faces_own_loaders_read_what_was_saved(mlm: ModuleType, tmp_path: Path) -> None:
    network = pretrained(mlm, tmp_path / "mlm").eval()
    found = AutoModelForMaskedLM.from_pretrained(tmp_path / "mlm")
    encoder = AutoModel.from_pretrained(tmp_path / "mlm", add_pooling_layer=False)
    kinds = (
        (brooks_classifier, BrooksClassifierConfig(classes=CLASSES), "SequenceClassification"),
        (brooks_tagger, BrooksTaggerConfig(classes=CLASSES), "TokenClassification"),
    )
    batch = token_batch(saved_settings(tmp_path / "mlm"))
    with torch.no_grad():
        states = encoder.eval()(**batch).last_hidden_state
        torch.testing.assert_close(states, network.bert(**batch).last_hidden_state)
        mine, theirs = network(**batch).logits, found.eval()(**batch).logits
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))
        for module, config, loader in kinds:
            own = module.build_from_pretrained(config, tmp_path / "mlm")
            (tmp_path / loader).mkdir()
            module.save(own, config, tmp_path / loader)
            kind = getattr(transformers, f"AutoModelFor{loader}")
            read = kind.from_pretrained(tmp_path / loader)
            assert torch.equal(read.eval()(**batch).logits, own(**batch).logits)
            assert read.config.id2label == dict(enumerate(CLASSES))


@pytest.mark.parametrize("form", [{"vocabulary_size": 20}, {"field_sizes": (9, 12, 7)}])
def test_embeddings_can_be_attributed_to(form: dict[str, object]) -> None:
    """One layer serves both forms; of factorised tokens it shows each field's share."""
    torch.manual_seed(0)
    encoder = BertSettings(max_length=16, width=8, layers=1, heads=2, feed_forward=16, **form)
    config = BrooksClassifierConfig(encoder=encoder, classes=CLASSES)
    network = brooks_classifier.build(config).eval()
    ids = token_batch(encoder)["input_ids"][:2]

    def logits(input_ids: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = network(input_ids).logits
        return scores

    gradients = LayerIntegratedGradients(logits, network.get_input_embeddings())
    baseline = torch.full_like(ids, 2)
    shares, error = gradients.attribute(
        ids, baseline, target=1, n_steps=64, return_convergence_delta=True
    )
    assert shares.shape == (*ids.shape, encoder.width)
    with torch.no_grad():
        moved = logits(ids)[:, 1] - logits(baseline)[:, 1]
    torch.testing.assert_close(shares.flatten(1).sum(1), moved, atol=1e-3, rtol=1e-2)
    assert (error.abs() < 1e-3).all()


def test_saved_settings_tell_the_encoder(tmp_path: Path) -> None:
    for mlm in MLMS:
        config = mlm.example_batch().config
        mlm.save(mlm.build(config), config, tmp_path)
        assert saved_settings(tmp_path).model_dump() == config.model_dump()


def test_attention_can_be_read() -> None:
    example = brooks_classifier.example_batch()
    network = brooks_classifier.build(example.config).eval()
    with torch.no_grad():
        fused = network(**example.inputs)
        with eager_attention(network):
            maps = network(**example.inputs, output_attentions=True)
    assert network.config._attn_implementation == "sdpa"
    torch.testing.assert_close(maps.logits, fused.logits)
    assert [tuple(one.shape) for one in maps.attentions] == [(4, 2, 12, 12)] * 2
    torch.testing.assert_close(maps.attentions[0].sum(-1), torch.ones(4, 2, 12))


def test_unknown_sizes_and_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vocabulary_size"):
        brooks_mlm.build(BrooksMlmConfig())
    with pytest.raises(ConfigError, match="field_sizes"):
        brooks_factorised_mlm.build(BrooksFactorisedMlmConfig())
    for module, config in (
        (brooks_classifier, BrooksClassifierConfig()),
        (brooks_tagger, BrooksTaggerConfig()),
    ):
        with pytest.raises(ConfigError, match="encoder"):
            module.build(config)
        with pytest.raises(ConfigError, match="classes"):
            module.build_from_pretrained(config, tmp_path)
    with pytest.raises(ValidationError, match="flat"):
        BrooksMlmConfig(field_sizes=(7, 8))
    with pytest.raises(ValidationError, match="flat"):
        BertSettings(vocabulary_size=20, field_sizes=(7, 8))


def test_a_number_of_classes_names_them() -> None:
    assert BrooksClassifierConfig(classes=2).classes == ("class_0", "class_1")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no network"):
        brooks_mlm.load(tmp_path)
    with pytest.raises(LakeError, match="no token encoder"):
        brooks_tagger.load(tmp_path)
