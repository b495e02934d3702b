"""The Brooks bar grammar: ten categorical fields a bar, one file a rule.

`docs/grammar.md` tells the rules in words; `parameters.py` holds their numbers.
"""

from fints_pipeline.tokenizers.brooks.fields import FIELDS
from fints_pipeline.tokenizers.brooks.parameters import Parameters, grammar_hash
from fints_pipeline.tokenizers.brooks.state import State
from fints_pipeline.tokenizers.brooks.tokenizer import BrooksTokenizer

__all__ = ["FIELDS", "BrooksTokenizer", "Parameters", "State", "grammar_hash"]
