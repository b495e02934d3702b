"""Training and prediction: windows, masking, the loop, bundles, tracking.

Modules that need torch say so by importing it at their top; `config`, `dataset`, `record` and
`tracking` do without and are light to import.
"""
