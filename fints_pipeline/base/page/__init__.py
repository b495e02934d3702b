"""What the project's HTML pages share: their look, their script, tables, and numbers as words."""
