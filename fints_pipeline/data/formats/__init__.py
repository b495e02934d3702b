"""Vendors' layouts of bars, one a file; the file's name is the format's name in configs."""
