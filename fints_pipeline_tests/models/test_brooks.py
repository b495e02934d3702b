"""The Brooks token networks: pretrained weights arrive in the classifier."""

from pathlib import Path

import pytest
import torch

from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.models import brooks_classifier, brooks_mlm
from fints_pipeline.models.brooks_classifier import BrooksClassifierConfig
from fints_pipeline.models.brooks_mlm import BrooksMlmConfig


def test_they_are_the_named_hugging_face_classes() -> None:
    mlm = brooks_mlm.build(brooks_mlm.example_batch().config)
    classifier = brooks_classifier.build(brooks_classifier.example_batch().config)
    assert type(mlm).__name__ == "BertForMaskedLM"
    assert type(classifier).__name__ == "BertForSequenceClassification"


def test_the_classifier_takes_over_the_pretrained_encoder(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = brooks_mlm.example_batch().config
    mlm = brooks_mlm.build(config)
    brooks_mlm.save(mlm, config, tmp_path)
    classifier = brooks_classifier.build_from_pretrained(BrooksClassifierConfig(), tmp_path)
    weights = classifier.state_dict()
    encoder = {k: v for k, v in mlm.state_dict().items() if k.startswith("bert.")}
    assert encoder
    assert all(torch.equal(weights[name], value) for name, value in encoder.items())
    assert weights["classifier.weight"].shape == (3, 8)


def test_no_path_enters_the_saved_config(tmp_path: Path) -> None:
    config = brooks_mlm.example_batch().config
    brooks_mlm.save(brooks_mlm.build(config), config, tmp_path)
    classifier = brooks_classifier.build_from_pretrained(BrooksClassifierConfig(), tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    brooks_classifier.save(classifier, BrooksClassifierConfig(), out)
    assert str(tmp_path) not in (out / "config.json").read_text()


def test_an_unknown_vocabulary_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="vocabulary_size"):
        brooks_mlm.build(BrooksMlmConfig())
    with pytest.raises(ConfigError, match="encoder"):
        brooks_classifier.build(BrooksClassifierConfig())


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="no network"):
        brooks_mlm.load(tmp_path)
