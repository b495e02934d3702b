"""Everything that knows of Dagster: when to run which stage on which partition."""

import warnings

# Backfill policies and multi-partition mappings are marked beta, and checks of partitions preview,
# in the Dagster release that the lock pins; a user of this project can do nothing about it, so it
# is not said at every start. Known by its words: what here needs no Dagster does not load it.
warnings.filterwarnings("ignore", r".* is currently in (beta|preview), and may have breaking")
