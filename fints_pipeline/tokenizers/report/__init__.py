"""The token report: what the vocabulary of some bars looks like, as an HTML page and JSON."""
