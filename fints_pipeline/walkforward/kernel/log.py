"""The record of a fill."""

from fints_pipeline.base.compiled import part


@part
def write(row, k, own, terms, price, change, paid):  # type: ignore[no-untyped-def]
    """Write a fill of the order at hand into its record."""
    row.column, row.symbol, row.decided, row.filled = k, terms.symbol, own.decided, terms.row
    row.units, row.price, row.fx, row.reason = change, price, terms.fx, own.why
    row.spread, row.slippage, row.impact, row.fee = paid
