"""A look at the targets before they are traded."""

import numpy as np

from fints_pipeline.base.compiled import entry_point


@entry_point
def survey(signal_TSK):  # type: ignore[no-untyped-def]
    """How many targets are finite, and whether one is infinite."""
    finite, infinite = 0, False
    for target in signal_TSK.flat:
        finite += np.isfinite(target)
        infinite |= np.isinf(target)
    return finite, infinite
