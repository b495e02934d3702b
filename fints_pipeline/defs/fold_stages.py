"""Which stages of a fold are missing or out of date: vocabulary, models, predictions.

Each stage's lineage says what it was made from. It is compared with what it would be made from now:
the same series as they are now, months of its spans that have arrived since, the bundles that it
starts from, its config and its code. A month counts whole; one outside the spans does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import BundleKey, Footer, Lake, Lineage, fold_key, series_key
from fints_pipeline.base.lake.contents import Contents, Made
from fints_pipeline.base.time import month_of

if TYPE_CHECKING:
    from fints_pipeline.training.config import ExperimentConfig
    from fints_pipeline.walkforward.folds import Fold, Span

VOCABULARY, PREDICTIONS = "vocabulary", "predictions"
_SERIES = ("bars", "features", "labels", "tokens")


class FoldStages:
    """What a fold consists of, compared with what it would be made from now.

    Args:
        contents: Of the lake.
        experiment: The fold's.
        fold: Its spans.
    """

    def __init__(self, contents: Contents, experiment: ExperimentConfig, fold: Fold) -> None:
        self._contents = contents
        self._experiment = experiment
        self._fold = fold

    def all(self) -> dict[str, Made]:
        """Return every stage in the order in which they are made."""
        names = self._experiment.names
        found = {VOCABULARY: self.vocabulary()} if self._experiment.reads_tokens else {}
        return (
            found | {name: self.model(name) for name in names} | {PREDICTIONS: self.predictions()}
        )

    def vocabulary(self) -> Made:
        """Compare the vocabulary with the tokens of the training span."""
        names = list(self._months(("tokens",), self._fold.train))
        expected = self._lineage(self._vocabulary_made_with(names), self._contents.digests(names))
        return self._contents.compare(self.name_of(VOCABULARY), expected)

    def model(self, stage: str) -> Made:
        """Compare a model with what training reads."""
        from fints_pipeline.training.dataset import until_validation

        inputs = self._read_again(stage, until_validation(self._fold))
        texts = self._contents.digests(self._texts([stage]))
        return self._contents.compare(
            self.name_of(stage), self._lineage(self._config(stage), inputs | texts)
        )

    def predictions(self) -> Made:
        """Compare the predictions with the models, and with all that these read."""
        inputs = self._read_again(PREDICTIONS, self._fold.extent)
        texts = self._contents.digests(self._texts(self._predicting()))
        return self._contents.compare(
            self.name_of(PREDICTIONS), self._lineage(self._config(PREDICTIONS), inputs | texts)
        )

    def name_of(self, stage: str) -> str:
        """Return what lineage calls a stage."""
        parts = {"experiment": self._experiment.experiment, "fold": self._fold.key}
        if stage == PREDICTIONS:
            return str(fold_key("predictions", **parts))
        if stage == VOCABULARY:
            return str(BundleKey.of("vocabularies", **parts))
        return str(BundleKey.of("models", **parts, model=stage))

    def state(self, stages: Iterable[str], after: Iterable[str]) -> str:
        """Name all that some stages could be made from, whether they are there or not.

        It stays as it is while they are being made, and when that fails.

        Args:
            stages: Those in question.
            after: Those that are made before, by another job.
        """
        from fints_pipeline.train import CODE_VERSION

        own, before = list(stages), [self.name_of(stage) for stage in after]
        read = [*self._months(_SERIES, self._fold.extent), *self._texts(own), *before]
        pairs = (f"{name}={digest}" for name, digest in self._contents.digests(read).items())
        configs = (f"{stage}={self._config(stage)}" for stage in own)
        return text_digest(CODE_VERSION, *configs, *pairs)

    def _config(self, stage: str) -> str:
        if stage == VOCABULARY:
            return self._vocabulary_made_with(list(self._months(("tokens",), self._fold.train)))
        return self._experiment.model_fingerprint(stage, self._fold)

    def _read_again(self, stage: str, span: Span) -> dict[str, str]:
        first, last = month_of(span.first), month_of(span.last)
        return self._contents.read_again(self.name_of(stage), first, last)

    def _months(self, tables: Iterable[str], span: Span) -> Iterator[str]:
        data = self._experiment.data
        first, last = month_of(span.first), month_of(span.last)
        for table in tables:
            for instrument in data.instruments:
                yield from self._contents.months(table, data.frequency, instrument, first, last)

    def _texts(self, stages: Iterable[str]) -> Iterator[str]:
        """Yield the embedded news that some models read, or would if it were there."""
        from fints_pipeline.training.config import FusionModel

        for stage in stages:
            model = self._experiment.models.get(stage)
            if isinstance(model, FusionModel) and model.text is not None:
                for instrument in self._experiment.data.instruments:
                    subject = model.subject_of(instrument)
                    yield str(BundleKey.of("text", encoder=model.text, instrument=subject))

    def _predicting(self) -> list[str]:
        """Return the models that have a part in the predictions as they were made."""
        made = self._contents.lineage(self.name_of(PREDICTIONS))
        used = set() if made is None else set(made.inputs)
        return [name for name in self._experiment.names if self.name_of(name) in used]

    def _vocabulary_made_with(self, names: list[str]) -> str:
        """Return the fingerprint of a vocabulary of some months of tokens."""
        from fints_pipeline.train import vocabulary_fingerprint

        lake, digests = self._contents.lake, self._contents.digests(names)
        where = lake.location, str(lake.root)
        footers = [_footer(where, one, digests[one], self._contents.made_by(one)) for one in names]
        try:
            return vocabulary_fingerprint(self._experiment, self._fold, footers)
        except ConfigError:  # until the months that are stale are made, there is no vocabulary
            return "of several configs"

    @staticmethod
    def _lineage(made_with: str, inputs: dict[str, str]) -> Lineage:
        from fints_pipeline.train import CODE_VERSION

        return Lineage(CODE_VERSION, made_with, inputs)


@lru_cache(maxsize=10_000)
def _footer(where: tuple[str, str], name: str, digest: str, made_with: str) -> Footer:
    """Return a month's footer without what it hands on; the same while digest and config are.

    Args:
        where: The lake's address and its folder on this machine.
        name: The month's partition, as lineage spells it.
        digest: Its digest.
        made_with: The fingerprint of its config.
    """
    table, *values = name.split("/")
    return replace(Lake(where[0]).footer(series_key(table, *values)), extra={})
