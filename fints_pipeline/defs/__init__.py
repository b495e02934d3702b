"""Everything that knows of Dagster: when to run which stage on which partition."""
