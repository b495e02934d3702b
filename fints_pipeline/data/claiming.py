"""Who takes a staged file: a data set of bars, an exogenous series or a source of news."""

from __future__ import annotations

from collections.abc import Sequence

from fints_pipeline.base.errors import FormatError
from fints_pipeline.data import outside
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.diagnosis import refuse_unreadable
from fints_pipeline.data.outside import Outside, OutsideClaim
from fints_pipeline.data.sources import Claim, Source, claim


def claim_any(
    staged: StagedArchive,
    name: str,
    folder: str | None,
    sources: Sequence[Source],
    others: Outside,
) -> Claim | OutsideClaim:
    """Return who takes a staged file.

    Args:
        staged: The file.
        name: What it is called.
        folder: First folder below the inbox, which may name its taker.
        sources: The configured data sets.
        others: The configured series and sources of news.

    Raises:
        FormatError: nobody takes it, or several do; the message holds the evidence.
    """
    datasets = [source.name for source in sources]
    other, evidence = outside.claim(staged, name, folder, others, datasets)
    if other is not None and other.by_name:
        return other
    try:
        taken = claim(staged, name, folder, sources)
    except FormatError as error:
        if other is not None:
            return other
        if folder not in datasets:
            refuse_unreadable(staged, name)
        where = "; ".join(filter(None, (error.where, evidence)))
        raise FormatError(error.what, where=where or None, fix=error.fix) from None
    if other is not None and (taken.members or taken.tickers):
        raise FormatError(
            f"the content fits data set {taken.source.name!r} and {other.told}",
            fix="put the file into a folder of the inbox called after one of them "
            f"({taken.source.name}, {other.config.name})",
        )
    return other or taken
