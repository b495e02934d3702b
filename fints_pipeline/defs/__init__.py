"""Everything that knows of Dagster: when to run which stage on which partition."""

import warnings

import dagster as dg

# Backfill policies and multi-partition mappings are marked beta, and checks of partitions preview,
# in the Dagster release that the lock pins; a user of this project can do nothing about it, so it
# is not said at every start.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
