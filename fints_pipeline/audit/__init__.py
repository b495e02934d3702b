"""Whether what was fitted saw what it must not: read from checkpoints and bars, not from trust.

The same findings refuse a fold before it predicts and before it is traded, and stand in the asset
checks and in the report.
"""
