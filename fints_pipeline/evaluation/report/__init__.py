"""The report: one self-contained HTML page, the same in Markdown, and its numbers in JSON."""
