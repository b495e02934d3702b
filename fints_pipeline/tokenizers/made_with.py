"""What tokens made now would say of their code and config, without the code that makes them."""

from __future__ import annotations

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.lake import Lineage
from fints_pipeline.tokenizers.brooks.tokenizer import SessionMode
from fints_pipeline.tokenizers.config import TokenizeConfig

CODE_VERSION = "1"


def made_with(config: TokenizeConfig, tick: float | None, session_mode: SessionMode) -> Lineage:
    """Return what a partition made now would say of its code and config."""
    settings = {"config": config.model_dump(), "tick": tick, "session_mode": session_mode}
    return Lineage(CODE_VERSION, fingerprint(settings))
