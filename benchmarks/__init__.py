"""Measurements that take longer than a test: one entry a file, each with a `main()`."""
