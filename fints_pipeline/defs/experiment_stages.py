"""Which of an experiment's results are missing or out of date: fold table to report.

Like a fold's stages (`fold_stages`), each is compared with what it would be made from now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.lake import BundleKey, Lake, Lineage, fold_key
from fints_pipeline.base.lake.contents import Contents, Made
from fints_pipeline.base.lake.lineage import ABSENT
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import month_of

if TYPE_CHECKING:
    from fints_pipeline.evaluation.config import BacktestConfig
    from fints_pipeline.training.config import ExperimentConfig
    from fints_pipeline.walkforward.folds import Fold


class ExperimentStages:
    """What an experiment's folds come to, compared with what it would be made from now.

    Args:
        contents: Of the lake.
        locations: Configs.
        experiment: Its config.
        folds: Its complete folds, in time order.
    """

    def __init__(
        self,
        contents: Contents,
        locations: Locations,
        experiment: ExperimentConfig,
        folds: Sequence[Fold],
    ) -> None:
        self._contents = contents
        self._locations = locations
        self._experiment = experiment
        self._folds = folds

    def fold_table(self) -> Made:
        """Compare the table of the folds with the bars and labels that it counts."""
        from fints_pipeline.training import fold_table

        name, span = self.name_of("fold_tables"), fold_table.whole_span(self._folds)
        inputs = self._contents.read_again(name, month_of(span.first), month_of(span.last))
        made_with = fold_table.made_with(self._experiment, self._folds)
        expected = Lineage(fold_table.CODE_VERSION, made_with, inputs)
        return self._contents.compare(name, expected)

    def backtest(self) -> Made | None:
        """Compare the backtest with predictions, bars and rates; None where nothing is predicted.

        Raises:
            ConfigError: its config is wrong.
        """
        from fints_pipeline.backtest import CODE_VERSION, with_universe_note

        if not self._predicted:
            return None
        instruments = self._experiment.data.instruments
        config = with_universe_note(self._locations, self._backtest_config, instruments)
        inputs = self._contents.digests(self._traded_on(config))
        made_with = fingerprint([config, self._trained(config.models)])
        return self._contents.compare(
            self.name_of("backtests"), Lineage(CODE_VERSION, made_with, inputs)
        )

    def explanations(self) -> Made:
        """Compare what explains the models with the backtest and with all that they read.

        Raises:
            ConfigError: its config is wrong.
        """
        from fints_pipeline.explain.config import CODE_VERSION, load_explain

        config = load_explain(self._locations.explain_config(self._experiment.experiment))
        name, backtest = self.name_of("explanations"), self.name_of("backtests")
        inputs = self._contents.read_again(name) | self._contents.digests([backtest])
        return self._contents.compare(name, Lineage(CODE_VERSION, fingerprint(config), inputs))

    def report(self) -> Made:
        """Compare the report with the backtest, and with the explanations of it.

        Raises:
            ConfigError: the backtest's config is wrong.
        """
        from fints_pipeline.backtest import CODE_VERSION

        name, backtest = self.name_of("reports"), self.name_of("backtests")
        shown = [backtest]
        explained = self._contents.lineage(self.name_of("explanations"))
        if explained and explained.inputs.get(backtest) == self._contents.digest(backtest):
            shown.append(self.name_of("explanations"))
        inputs = self._contents.read_again(name) | self._contents.digests(shown)
        made_with = fingerprint(self._backtest_config)
        return self._contents.compare(name, Lineage(CODE_VERSION, made_with, inputs))

    def name_of(self, kind: str) -> str:
        """Return what lineage calls one of the experiment's bundles."""
        return str(BundleKey.of(kind, experiment=self._experiment.experiment))

    @cached_property
    def _backtest_config(self) -> BacktestConfig:
        from fints_pipeline.backtest import load_backtest

        return load_backtest(self._locations.backtest_config(self._experiment.experiment))

    @cached_property
    def _predicted(self) -> dict[str, Fold]:
        """The folds that have predictions, by what lineage calls these."""
        names = {self._predictions(fold): fold for fold in self._folds}
        return {name: fold for name, fold in names.items() if self._contents.lineage(name)}

    def _predictions(self, fold: Fold) -> str:
        return str(fold_key("predictions", self._experiment.experiment, fold.key))

    def _traded_on(self, config: BacktestConfig) -> Iterator[str]:
        """Yield what `evaluation.inputs.read_inputs` reads, as far as it may be there."""
        from fints_pipeline.evaluation.inputs import Months, conversion_of, dividends_key

        yield from self._predicted
        folds = sorted(self._predicted.values(), key=lambda fold: fold.test.first)
        months, data = Months.of(config, folds), self._experiment.data
        for instrument in data.instruments:
            series = "bars", data.frequency, instrument
            yield from self._contents.months(*series, months.bars, months.last)
            yield str(dividends_key(instrument))
            if conversion := conversion_of(config, instrument):
                series = "bars", data.frequency, conversion.instrument
                yield from self._contents.months(*series, months.rates, months.last)

    def _trained(self, models: Sequence[str]) -> dict[str, str]:
        """Return what the traded models were trained with, as their records tell."""
        from fints_pipeline.evaluation.inputs import trained_with

        lake, name = self._contents.lake, self._experiment.experiment
        found: dict[str, list[str]] = {}
        for model in models:
            found[model] = []
            for fold in self._predicted.values():
                key = BundleKey.of("models", experiment=name, fold=fold.key, model=model)
                digest = self._contents.digest(str(key))
                if digest != ABSENT:
                    where = lake.location, str(lake.root)
                    found[model].append(_trained_with(where, name, fold.key, model, digest))
        return trained_with(found)


@lru_cache(maxsize=10_000)
def _trained_with(
    where: tuple[str, str], experiment: str, fold: str, model: str, digest: str
) -> str:
    """Return the fingerprint of the config that a model's record tells of.

    Args:
        where: The lake's address and its folder on this machine.
        experiment: The model's.
        fold: The model's.
        model: Its name.
        digest: Of its bundle, whose record never changes.
    """
    from fints_pipeline.evaluation.inputs import recorded

    return recorded(Lake(where[0]), experiment, fold, model)[1]
