"""Loading a language model like FinBERT's, and its vectors, on a checkpoint made here."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from fints_pipeline.base.errors import LakeError
from fints_pipeline.models._text_encoder import FINBERT, load_text_encoder
from fints_pipeline_tests import tiny_bert

TEXTS = ["buy apple today", "apple misses estimates", "sell", "buy apple today", "what ever"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_bert.save(tmp_path / "Tiny_Bert.v1")


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_the_model(folder: Path, pooling: str) -> None:
    encoder = load_text_encoder(str(folder), pooling=pooling)  # type: ignore[arg-type]
    assert (encoder.name, encoder.width) == ("tiny-bert-v1", tiny_bert.WIDTH)
    vectors = encoder.embed(TEXTS)
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for text, vector in zip(TEXTS, vectors, strict=True):
        with torch.no_grad():
            states = model.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        expected = states.mean(0) if pooling == "mean" else states[0]
        torch.testing.assert_close(vector, expected)
    assert torch.equal(vectors[0], vectors[3])
    assert encoder.embed([]).shape == (0, tiny_bert.WIDTH)


def test_long_texts_are_cut(folder: Path) -> None:
    encoder = load_text_encoder(str(folder), max_tokens=5)
    vectors = encoder.embed(["buy apple today sell sell sell", "buy apple today"])
    torch.testing.assert_close(vectors[0], vectors[1])
    longest = load_text_encoder(str(folder), max_tokens=500)
    assert longest.max_tokens == 16, "the tiny model has no more positions"
    assert torch.isfinite(longest.embed(["buy " * 40])).all()


def test_the_digest_names_everything_that_makes_a_vector(folder: Path, tmp_path: Path) -> None:
    digest = load_text_encoder(str(folder)).digest
    assert load_text_encoder(str(folder)).digest == digest
    others = [
        load_text_encoder(str(folder), pooling="cls"),
        load_text_encoder(str(folder), max_tokens=9),
        load_text_encoder(str(tiny_bert.save(tmp_path / "other", seed=1))),
    ]
    assert len({digest, *(other.digest for other in others)}) == 4


def test_weights_that_are_not_there_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(LakeError, match="cannot be loaded") as found:
        load_text_encoder(FINBERT)
    assert "hf download ProsusAI/finbert" in str(found.value)
    with pytest.raises(LakeError, match="cannot be loaded") as found:
        load_text_encoder(str(tmp_path))
    assert str(tmp_path) in str(found.value)
