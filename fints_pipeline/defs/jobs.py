"""The jobs, in the order in which they run: ingest, data, folds, pretrain, train, backtest."""

import dagster as dg

SERIES_ASSETS = ("bars", "features", "labels", "brooks_tokens")
"""Assets of one instrument's month, in an order in which they can be made."""

FOLD_ASSETS: dict[str, dict[str, str | None]] = {
    "pretrain": {"token_vocabulary": "mlm", "pretrained_mlm": "mlm"},
    "train": {"finetuned_classifier": "classifier", "patchtst": "patchtst", "predictions": None},
}
"""Assets of the jobs over folds, each with the model of the experiment that it is for."""

ingest = dg.define_asset_job(
    "ingest",
    dg.AssetSelection.assets("raw_archives"),
    description="Verify, unpack and parse what lies in the inbox.",
)
data = dg.define_asset_job(
    "data",
    dg.AssetSelection.assets(*SERIES_ASSETS),
    description="Bars, features, labels and tokens of one instrument's month.",
)
folds = dg.define_asset_job(
    "folds",
    dg.AssetSelection.assets("walk_forward_folds"),
    description="Make partitions of the experiments' folds that the data suffices for.",
)
pretrain = dg.define_asset_job(
    "pretrain",
    dg.AssetSelection.assets(*FOLD_ASSETS["pretrain"]),
    description="Vocabulary and masked language model of one fold's training span.",
)
train = dg.define_asset_job(
    "train",
    dg.AssetSelection.assets(*FOLD_ASSETS["train"]),
    description="Fine-tuned classifier, PatchTST and the predictions of one fold.",
)
backtest = dg.define_asset_job(
    "backtest",
    dg.AssetSelection.assets("walk_forward_backtest", "backtest_report"),
    description="Walk-forward backtest and report of one experiment.",
)
