"""From bars to tokens.html and tokens.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fints_pipeline.base.page.environment import page_environment, plotly_script
from fints_pipeline.base.page.table import Table, Tile
from fints_pipeline.base.page.words import count, number, percent
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.report.charts import charts
from fints_pipeline.tokenizers.report.measures import Series, measure


def write(
    folder: Path,
    series: Sequence[Series],
    config: TokenizeConfig,
    *,
    fit_until: pd.Timestamp | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Write the report's two files into a folder and return what tokens.json holds.

    The page holds plotly.js and opens from disk without a network. The same bars and config give
    the same bytes.
    """
    content = measure(series, config, fit_until, seed)
    figures = charts(content, series, config)
    view = {
        "content": content,
        "tiles": _tiles(content),
        "fields": _fields(content["fields"]),
        "words": _words(content),
        "names": list(FIELDS),
        "charts": {name: json.dumps(each, allow_nan=False) for name, each in figures.items()},
        "plotly": plotly_script,
    }
    folder.mkdir(parents=True, exist_ok=True)
    template = page_environment("fints_pipeline.tokenizers.report").get_template("tokens.html.j2")
    (folder / "tokens.html").write_text(template.render(view), encoding="utf-8")
    text = json.dumps(content, indent=1, allow_nan=False)
    (folder / "tokens.json").write_text(text + "\n", encoding="utf-8")
    return content


def _tiles(content: dict[str, Any]) -> tuple[Tile, ...]:
    vocabulary = content["vocabulary"]
    later = vocabulary["out_of_vocabulary_later"]
    telling = [name for name, row in content["fields"].items() if row["next_bar"]["p"] <= 0.01]
    return (
        Tile("Bars", count(content["bars"]), f"{content['first'][:10]} to {content['last'][:10]}"),
        Tile("Vocabulary", count(vocabulary["size"]), " · ".join(vocabulary["fields"])),
        Tile(
            "Unknown later",
            percent(later, sign=False),
            f"of the bars after {content['fit_until'][:10]}",
        ),
        Tile(
            "Fields that tell of the next bar",
            f"{len(telling)} of {len(FIELDS)}",
            ", ".join(telling) or "none beyond what shifted ones do (p ≤ 0.01)",
        ),
    )


def _fields(fields: dict[str, Any]) -> Table:
    headings = ("Field", "Values seen", "Entropy", "Perplexity", "Given the last", "Random walk",
                "Given the last, walk", "Next bar, bits", "Shifted, mean", "Shifted, 95 %",
                "p")  # fmt: skip
    rows = []
    for name, row in fields.items():
        next_bar, chance = row["next_bar"], row["surrogate"]
        seen = sum(1 for n in row["counts"].values() if n)
        rows.append(
            (
                name,
                f"{seen} of {len(row['counts'])}",
                number(row["entropy"], 3),
                number(row["perplexity"], 2),
                number(row["conditional_entropy"], 3),
                number(chance["entropy"], 3),
                number(chance["conditional_entropy"], 3),
                number(next_bar["mutual_information"], 5),
                number(next_bar["null_mean"], 5),
                number(next_bar["null_95"], 5),
                number(next_bar["p"], 3),
            )
        )
    return Table(headings, tuple(rows))


def _words(content: dict[str, Any]) -> Table:
    return Table(
        ("Word", "Bars in the fitting span"),
        tuple((word, count(seen)) for word, seen in content["vocabulary"]["commonest"]),
    )
