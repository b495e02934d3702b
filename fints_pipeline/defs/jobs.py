"""The jobs, as they follow each other: what comes in, series, folds, models, the backtest."""

import dagster as dg

from fints_pipeline.defs import executors
from fints_pipeline.defs.executors import Executors
from fints_pipeline.defs.instrument import SERIES_ASSETS

FOLD_ASSETS: dict[str, tuple[str, ...]] = {
    "pretrain": ("token_vocabulary", "pretrained_models"),
    "train": ("trained_models", "predictions"),
}
"""Assets of the jobs over folds, in the order in which they run."""

_ON = Executors.from_environment()
default_executor = executors.definition(_ON.default)
_training_executor = executors.definition(_ON.training)

ingest = dg.define_asset_job(
    "ingest",
    dg.AssetSelection.assets("raw_archives"),
    description="Verify, unpack and parse what lies in the inbox.",
)
exogenous = dg.define_asset_job(
    "exogenous",
    dg.AssetSelection.assets("exogenous_series"),
    description="One exogenous series from its deliveries.",
)
news = dg.define_asset_job(
    "news",
    dg.AssetSelection.assets("news_items"),
    description="Scored items about one subject of news.",
)
data = dg.define_asset_job(
    "data",
    dg.AssetSelection.assets(*SERIES_ASSETS),
    description="Bars, news on them, features, labels and tokens of one instrument's month.",
)
folds = dg.define_asset_job(
    "folds",
    dg.AssetSelection.assets("walk_forward_folds"),
    description="Make partitions of the experiments' folds that the data suffices for.",
)
pretrain = dg.define_asset_job(
    "pretrain",
    dg.AssetSelection.assets(*FOLD_ASSETS["pretrain"]),
    description="Vocabulary of one fold, and the models that its other models start from.",
    executor_def=_training_executor,
)
train = dg.define_asset_job(
    "train",
    dg.AssetSelection.assets(*FOLD_ASSETS["train"]),
    description="The other models of one fold, and what its models predict.",
    executor_def=_training_executor,
)
backtest = dg.define_asset_job(
    "backtest",
    dg.AssetSelection.assets("walk_forward_backtest", "backtest_report"),
    description="Walk-forward backtest and report of one experiment.",
)

explain = dg.define_asset_job(
    "explain",
    dg.AssetSelection.assets("explanations", "backtest_report"),
    description="What the models of one backtest looked at, and the report again with it.",
)

up_to_date = dg.define_asset_job(
    "up_to_date",
    dg.AssetSelection.checks(
        *(
            dg.AssetCheckKey(dg.AssetKey(name), "up_to_date")
            for name in (
                "walk_forward_folds", "predictions", "walk_forward_backtest", "backtest_report",
            )
        )
    ),
    description="What of folds, predictions, backtests and reports is out of date, and why.",
)  # fmt: skip


def needed_assets(job: str, experiment) -> list[str]:
    """Return the assets of `pretrain` or `train` that an experiment has a use for.

    Args:
        job: "pretrain" or "train".
        experiment: an `ExperimentConfig`.
    """
    unused = set()
    if not experiment.reads_tokens:
        unused.add("token_vocabulary")
    if not experiment.pretrained:
        unused.add("pretrained_models")
    return [name for name in FOLD_ASSETS[job] if name not in unused]
