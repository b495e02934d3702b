"""The compiled loop of the engine: S symbols and K columns of an account, bar by bar.

A column is an account of its own: its capital, rules and cost scale, on the same market. The
innermost loops run over the columns, so that a row of the market is read once for all of them,
but where limits tie the symbols of a column together.
Everything that one column holds of one symbol lies in one record (`layout.HOLDING`), which the
small functions change in place; they are called `own` there. Nothing is allocated inside the loop
but a longer array of fills when the one at hand is full.

Suffixes name axes: T rows, S symbols, K columns. An input that is switched off is an array without
elements, so that the kernel has one compiled form. What the events of a bar mean is written in
`walkforward.engine`.

`loop` goes through the bars. In each, `opening` charges for holding and splits, `filling` fills
with `costs` and `stops`, `marking` values, `liquidation` closes what must be closed, and `deciding`
makes orders within `limits`. What else is compiled in from another file has to be named where
`loop` asks for the digest of the sources.
"""

from fints_pipeline.walkforward.kernel.loop import trade
from fints_pipeline.walkforward.kernel.survey import survey

__all__ = ["survey", "trade"]
