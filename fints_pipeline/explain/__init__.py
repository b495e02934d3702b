"""What the models of an experiment looked at, on test windows that they were traded on.

Attributions (integrated gradients, TreeSHAP), permutation importances, attention maps as a
diagnosis, and which tokens drove the trades that made and lost money. docs/explain.md says how to
read each, and where each misleads.
"""
