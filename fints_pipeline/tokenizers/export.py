"""A vocabulary as a Hugging Face tokenizer: a folder that `AutoTokenizer.from_pretrained` loads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.tokenizers.composite import composite_ids, to_word
from fints_pipeline.tokenizers.vocabulary import CLS, SEP, SPECIALS, UNK, Vocabulary

ROLES = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
    "cls_token": "<cls>",
    "sep_token": "<sep>",
}


def save_hf(vocabulary: Vocabulary, folder: Path) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` into ``folder``.

    The tokenizer splits at white space, one word a bar (see `to_words`), and frames a sequence as
    ``<cls> … <sep>``. Ids are the vocabulary's. transformers itself is not needed for writing.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {word: number for number, word in enumerate(vocabulary.words())}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=SPECIALS[UNK]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<cls> $A <sep>",
        pair="<cls> $A <sep> $B:1 <sep>:1",
        special_tokens=[("<cls>", CLS), ("<sep>", SEP)],
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        **ROLES,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "grammar": vocabulary.grammar,
        "fields": list(vocabulary.fields),
        "fit_until": vocabulary.fit_until,
    }
    text = json.dumps(config, indent=2, sort_keys=True)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def to_words(tokens: NDArray[np.int8], fields: tuple[str, ...]) -> str:
    """Return bars as the text that the exported tokenizer reads, one word a bar."""
    composites, places = np.unique(composite_ids(tokens, fields), return_inverse=True)
    words = [to_word(int(composite), fields) for composite in composites]
    return " ".join(words[place] for place in places)
