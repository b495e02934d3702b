"""Bars to tokens: the Brooks grammar, vocabularies over its tokens, statistics and exports."""
