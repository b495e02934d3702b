"""What is explained: a fold's model, and windows of its test span that it can be asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fints_pipeline.base.errors import LookAheadError
from fints_pipeline.models._base import network_module
from fints_pipeline.models._bert import is_bar
from fints_pipeline.training.batches import Batch
from fints_pipeline.training.bundles import Loaded
from fints_pipeline.training.calls import INPUTS, asks_for, call
from fints_pipeline.training.class_labels import DIRECTIONS, unweighted
from fints_pipeline.training.dataset import FloatArray, Series
from fints_pipeline.training.factorised_masking import field_ids
from fints_pipeline.training.masking import MASK
from fints_pipeline.training.outlook import target_of
from fints_pipeline.training.token_form import FactorisedForm, TokenForm
from fints_pipeline.training.windows import WindowTable
from fints_pipeline.walkforward.folds import Fold

LAST_BAR = -2  # `<sep>` comes after it
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """Test windows of all series, one below the other, ascending within each series.

    Attributes:
        series: of the tables.
        number: (N,) series of each window.
        place: (N,) row of its current bar in the series.
        offsets: of the series in the joined tables.
    """

    series: tuple[Series, ...]
    number: Rows
    place: Rows
    offsets: Rows

    def __len__(self) -> int:
        """Return N."""
        return len(self.place)

    @property
    def rows(self) -> Rows:
        """(N,) global rows."""
        return self.offsets[self.number] + self.place

    def column(self, name: str) -> NDArray[Any]:
        """Return (N,) of a column of the series, such as ``close_time`` or ``session``."""
        return np.concatenate([getattr(one, name) for one in self.series])[self.rows]

    def label(self, name: str) -> FloatArray:
        """Return (N,) of a label, NaN where it is not known."""
        joined: FloatArray = np.concatenate([one.labels[name].value for one in self.series])
        return joined[self.rows]

    def slot(self, minutes: int) -> Rows:
        """Return (N,) the part of its session, `minutes` long, that each window's bar opens in."""
        parts = []
        for one in self.series:
            _, first, of = np.unique(one.session, return_index=True, return_inverse=True)
            passed = (one.open_time - one.open_time[first][of]) / np.timedelta64(1, "m")
            parts.append((passed // minutes).astype(np.int64))
        joined: Rows = np.concatenate(parts)[self.rows]
        return joined

    def taken(self, which: Rows) -> Timeline:
        """Return some of the windows, by position or mask."""
        return Timeline(self.series, self.number[which], self.place[which], self.offsets)

    def require_within(self, fold: Fold) -> None:
        """Refuse windows of which the current bar lies outside the fold's test span.

        Raises:
            LookAheadError: one does.
        """
        sessions = self.column("session")
        outside = ~fold.test.mask(sessions)
        if outside.any():
            raise LookAheadError(
                "a model would be explained by bars that it was not tested on",
                where=f"session {sessions[outside][0]}, fold {fold.key}",
                fix="explain windows of the fold's test span alone",
            )


@dataclass(frozen=True)
class Part:
    """What a permutation takes from other windows: channels, or fields of the tokens."""

    name: str
    channels: tuple[int, ...] = ()
    field: int | None = None


@dataclass(frozen=True)
class Subject:
    """A fold's model and its test windows.

    Attributes:
        model: the network (or trees) and its record.
        fold: the model's.
        windows: every test window.
        lookback: L.
        horizon: rows that a label covers after the current bar.
        channels: names of the inputs of ``past``; () where it reads none.
        fields: names of the token fields; () where it reads no tokens.
        values: scaled channels of all series.
        extra: gives the other inputs of rows, such as calendar columns and text.
        ids: token ids of all series, without a frame.
        tokens: the grammar's values (T, K) of all series.
        form: of the ids.
        usual: the most frequent id of the training span, (F,) one a field, (1,) of flat tokens.
        framed: whether ids are put between `<cls>` and `<sep>` before the network sees them.
    """

    model: Loaded
    fold: Fold
    windows: Timeline
    lookback: int
    horizon: int
    channels: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    values: WindowTable | None = None
    extra: Any = None
    ids: WindowTable | None = None
    tokens: WindowTable | None = None
    form: TokenForm | None = None
    usual: Tensor | None = None
    framed: bool = True

    @property
    def network(self) -> nn.Module:
        """The network; trees where the model is an estimator."""
        return self.model.network

    @property
    def is_estimator(self) -> bool:
        """Whether the model is trees rather than a network."""
        return not isinstance(self.network, nn.Module)

    @property
    def output(self) -> str:
        """What the model says: "return", "position" or "classes"."""
        return self.model.record.output

    @property
    def factorised(self) -> bool:
        """Whether a token is an id a field."""
        return isinstance(self.form, FactorisedForm)

    @property
    def fields_read(self) -> dict[int, str]:
        """Fields that enter the ids, by their column: a flat vocabulary leaves some out."""
        read = getattr(getattr(self.form, "encoder", None), "fields", self.fields)
        return {place: name for place, name in enumerate(self.fields) if name in read}

    @property
    def is_directional(self) -> bool:
        """Whether a larger score means a rise."""
        names = self.model.record.class_names
        return self.output != "classes" or names == tuple(DIRECTIONS.values())

    @property
    def unit(self) -> str:
        """Of the score."""
        record = self.model.record
        if self.output == "classes":
            names = record.class_names or ()
            over = names[0] if self.is_directional else "the other classes"
            return f"log odds of {names[-1]} over {over}"
        return "position" if self.output == "position" else "standard deviations of the target"

    def batch(self, windows: Timeline) -> Batch:
        """Return the inputs of windows, tokens framed where the network wants them so."""
        rows = torch.from_numpy(windows.rows)
        batch: Batch = {} if self.extra is None else dict(self.extra(rows))
        if self.values is not None:
            batch["past"] = self.values.past(rows, self.lookback)
        if self.ids is not None:
            batch["input_ids"] = self._frame(self.ids.past(rows, self.lookback))
        if self.is_estimator:
            return batch
        wanted = asks_for(self.network)
        return {name: batch[name] for name in INPUTS if name in wanted and name in batch}

    def mixed(self, windows: Timeline, donors: Timeline, part: Part) -> Batch:
        """Return the inputs of windows with a part of them taken from other windows."""
        batch = self.batch(windows)
        rows = torch.from_numpy(donors.rows)
        if part.field is None:
            values, columns = batch["past"].clone(), list(part.channels)
            other = cast(WindowTable, self.values).past(rows, self.lookback)
            values[..., columns] = other[..., columns]
            return {**batch, "past": values}
        table = cast(WindowTable, self.tokens)
        own = table.past(torch.from_numpy(windows.rows), self.lookback).clone()
        own[..., part.field] = table.past(rows, self.lookback)[..., part.field]
        return {**batch, "input_ids": self._frame(self._encoded(own))}

    def token_windows(self, windows: Timeline) -> Rows:
        """Return the grammar's values (N, L, K) of windows."""
        table = cast(WindowTable, self.tokens)
        found: Rows = table.past(torch.from_numpy(windows.rows), self.lookback).numpy()
        return found

    def baseline(self, batch: Batch, name: str, tokens: str = "usual") -> Tensor:
        """Return what an input is compared with: the mean, or the usual token at every bar.

        Args:
            batch: the windows.
            name: the input.
            tokens: "usual" or "mask" (the id that pretraining hides tokens behind).
        """
        if name != "input_ids":
            return torch.zeros_like(batch[name])
        ids = batch[name]
        bars = is_bar(ids)
        other = torch.tensor([MASK]) if tokens == "mask" else cast(Tensor, self.usual)
        return torch.where(bars[..., None] if ids.dim() == 3 else bars, other, ids)

    def embeddings(self) -> nn.Module:
        """Return the layer that embeds token ids."""
        found: nn.Module = next(
            part for name, part in self.network.named_modules() if name.endswith("word_embeddings")
        )
        return found

    def score(self, batch: Batch) -> Tensor:
        """Return (B,) what is explained: a forecast, or log odds; see `unit`."""
        if self.output == "classes":
            return self._log_odds(self._log_probabilities(batch))
        return self._total(call(self.network, batch))

    def said(self, batch: Batch) -> FloatArray:
        """Return what the metrics judge: probabilities (B, K), or returns (B,) in scaled units."""
        if self.is_estimator:
            return self._said_by_trees(batch)
        with torch.no_grad():
            if self.output == "classes":
                p_BK: FloatArray = self._log_probabilities(batch).double().exp().numpy()
                return unweighted(p_BK, self.model.record.class_weights or (1.0,))
            if self.model.record.network.samples_paths:
                paths = cast(Any, self.network).sample(**batch)
                return self._total(paths.mean(dim=0)).double().numpy()
            return self.score(batch).double().numpy()

    def side(self) -> tuple[int, int]:
        """Return the classes whose log odds are explained, first over second."""
        return len(self.model.record.classes or (0.0,)) - 1, 0

    def _log_odds(self, log_p_BK: Tensor) -> Tensor:
        if self.is_directional:
            return log_p_BK[:, -1] - log_p_BK[:, 0]
        return log_p_BK[:, -1] - torch.logsumexp(log_p_BK[:, :-1], dim=-1)

    def _log_probabilities(self, batch: Batch) -> Tensor:
        filtered = getattr(self.network, "filtered", None)
        if filtered is not None:
            found: Tensor = filtered(batch["input_ids"])[:, LAST_BAR]
            return found
        logits: Tensor = call(self.network, batch).logits
        return logits.log_softmax(-1)

    def _total(self, forecast: Tensor) -> Tensor:
        """Return the label's return (B,) of forecasts (B, H, C[, K]), in scaled units."""
        record = self.model.record
        place = record.columns.index(record.target or "")
        mine, head = target_of(forecast, place), getattr(record.network, "head", None)
        is_point = head is None or head.kind == "point" or record.network.samples_paths
        path = mine[:, :, 0] if is_point else cast(Any, head).mean(mine)[:, :, 0]
        steps = record.label_steps or path.shape[1]
        return path[:, steps - 1] if record.cumulative else path[:, :steps].sum(dim=1)

    def _said_by_trees(self, batch: Batch) -> FloatArray:
        module: Any = network_module(self.model.record.network.name)
        said: FloatArray = module.predict(self.network, batch["past"].flatten(1).numpy())
        quantiles = said.ndim == 2 and self.output != "classes"
        return said[:, said.shape[1] // 2] if quantiles else said

    def _frame(self, ids: Tensor) -> Tensor:
        return cast(TokenForm, self.form).framed(ids) if self.framed else ids

    def _encoded(self, tokens: Tensor) -> Tensor:
        """Return the ids (B, L[, F]) of the grammar's values (B, L, K)."""
        if self.factorised:
            return field_ids(tokens)
        flat = tokens.flatten(0, 1).numpy().astype(np.int8)
        ids = torch.from_numpy(cast(TokenForm, self.form).ids(flat))
        return ids.view(tokens.shape[:2])
