"""Servers that tests start, on ports of 127.0.0.1, in folders of their own."""
