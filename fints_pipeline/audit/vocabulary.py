"""Whether a fold's vocabulary counted its training span's tokens and no others."""

from __future__ import annotations

from collections import Counter

import numpy as np

from fints_pipeline.audit.findings import Finding
from fints_pipeline.base.lake import BundleKey, Lake
from fints_pipeline.base.lake.lineage import current_digest
from fints_pipeline.tokenizers.brooks import FIELDS, Parameters
from fints_pipeline.tokenizers.vocabulary import Vocabulary
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import Columns, load_dataset
from fints_pipeline.walkforward.folds import Fold


def audit_vocabulary(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> Finding:
    """Check where the vocabulary says that it was fitted, and count it again.

    Raises:
        KeyNotFoundError: there is no vocabulary, or tokens are missing.
    """
    key = BundleKey.of("vocabularies", experiment=experiment.experiment, fold=fold.key)
    vocabulary = Vocabulary.load(lake.open_bundle(key))
    columns = Columns(tokens=tuple(FIELDS))
    good = [
        one.good_bars() for one in load_dataset(lake, experiment.data, columns, fold.train).series
    ]
    close_time = np.concatenate([one.close_time for one in good])
    last = close_time.max()
    fitted = np.datetime64(vocabulary.fit_until.removesuffix("+00:00"), "us")
    if fitted > last:
        seen = f"it was fitted until {fitted}, the training span's last bar closes at {last}"
        return Finding("vocabulary", fold.key, False, seen)
    made = lake.bundle_manifest(key).lineage.inputs
    if any(current_digest(lake, name) != digest for name, digest in made.items()):
        seen = "fitted until the training span's end; its tokens have changed since"
        return Finding("vocabulary", fold.key, True, seen)
    again = Vocabulary.fit(
        np.concatenate([one.tokens for one in good]),
        close_time,
        last,
        fields=vocabulary.fields,
        min_freq=vocabulary.min_freq,
        parameters=Parameters(**vocabulary.parameters),
    )
    ours, theirs = (
        Counter(dict(zip(v.composites, v.counts, strict=True))) for v in (vocabulary, again)
    )
    if ours != theirs:
        more = sum((ours - theirs).values())
        seen = f"it counted {more} tokens that the training span does not hold"
        return Finding("vocabulary", fold.key, False, seen)
    seen = "fitted until the training span's end; counted again it is the same"
    return Finding("vocabulary", fold.key, True, seen)
