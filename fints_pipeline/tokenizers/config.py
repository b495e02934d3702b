"""The tokenizer's config: configs/tokenize/<name>.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.base.lake import Footer
from fints_pipeline.tokenizers.brooks import FIELDS, Parameters, grammar_hash

NOTE = "tokenize"
"""Under this name a token partition's footer notes the config that made it."""

CORE5 = ("trend", "bar", "swing", "context", "event")


class VocabularyConfig(Config):
    """Which fields make one word, and how often a word must occur in the training span.

    Attributes:
        fields: Fields of the composite, in order.
        min_freq: Words seen less often are ``<unk>``.
    """

    fields: tuple[str, ...] = CORE5
    min_freq: Annotated[int, Field(ge=1)] = 2

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        for name in fields:
            if name not in FIELDS:
                raise ValueError(f"no field {name!r}: {nearest(name, FIELDS)}")
        if not fields or len(set(fields)) < len(fields):
            raise ValueError("name at least one field, each once")
        return fields


class TokenizeConfig(Config):
    """How bars become tokens.

    Attributes:
        grammar: The grammar's name.
        off_grid: What happens to a price that is no multiple of a configured tick: it is rounded to
            the nearest one, or refused. An inferred tick must always fit.
        parameters: The grammar's thresholds; another value makes another grammar.
        vocabulary: The flat vocabulary over these tokens.
    """

    grammar: Literal["brooks"] = "brooks"
    off_grid: Literal["round", "refuse"] = "round"
    parameters: Parameters = Parameters()
    vocabulary: VocabularyConfig = VocabularyConfig()

    @model_validator(mode="after")
    def _small_enough(self) -> Self:
        if len(self.vocabulary.fields) == len(FIELDS):
            raise ValueError(
                "all ten fields as one vocabulary leave half of later bars unknown; choose fewer"
            )
        return self

    @property
    def grammar_hash(self) -> str:
        """Names the grammar: parameters, fields and values."""
        return grammar_hash(self.parameters, FIELDS)


def made_by(footers: Iterable[Footer]) -> TokenizeConfig:
    """Return the config that these token partitions were made with; the default one if none says.

    Raises:
        ConfigError: they were made with different ones.
    """
    found = {footer.notes[NOTE] for footer in footers if NOTE in footer.notes}
    if len(found) > 1:
        raise ConfigError(
            "months of tokens were made with different tokenizer configs",
            fix="materialise the months that are stale first",
        )
    return TokenizeConfig.model_validate_json(found.pop()) if found else TokenizeConfig()
