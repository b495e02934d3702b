"""A language model of a few hundred weights, with its tokenizer, in Hugging Face's layout."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

WIDTH = 6
WORDS = ("buy", "sell", "apple", "beats", "misses", "estimates", "today")
_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def save(folder: Path, seed: int = 0) -> Path:
    """Write the model, its weights drawn with ``seed``, and return the folder."""
    vocabulary = {word: number for number, word in enumerate((*_SPECIALS, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    ends = [(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]",
        cls_token="[CLS]", sep_token="[SEP]",
    )  # fmt: skip
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=16, initializer_range=0.5,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    fast.save_pretrained(folder)
    BertModel(config).save_pretrained(folder)
    return folder
