import json
from dataclasses import replace

import pytest

from fints_pipeline.data.quality import QualityReport, RuleCount

REPORT = QualityReport(
    instrument="test.AAA",
    month="2024-11",
    rows_in=10,
    rows_out=9,
    filled=3,
    holes=2,
    longest_gap=5,
    sessions=1,
    partial_sessions=("2024-11-29",),
    empty_sessions=(),
    rules=(
        RuleCount("ohlc_violation", 4, True, ("2024-11-29 14:30Z",)),
        RuleCount("zero_volume", 2, False),
        RuleCount("off_grid", 0, True),
    ),
)


def test_conserves_counts_rejected_rows_only():
    assert REPORT.rejected == 4
    assert REPORT.conserves()


@pytest.mark.parametrize("change", [{"rows_in": 11}, {"rows_out": 8}, {"filled": 2}, {"rules": ()}])
def test_a_lost_row_does_not_conserve(change: dict[str, object]):
    assert not replace(REPORT, **change).conserves()


def test_to_dict_is_json():
    values = json.loads(json.dumps(REPORT.to_dict()))
    assert values["conserves"] is True
    assert values["rules"][0]["rule"] == "ohlc_violation"


def test_to_markdown_leaves_out_what_never_happened():
    text = REPORT.to_markdown()
    assert "| ohlc_violation (rejected) | 4 | 2024-11-29 14:30Z |" in text
    assert "| zero_volume (noted) | 2 |" in text
    assert "off_grid" not in text


def test_count():
    assert REPORT.count("zero_volume") == 2
    with pytest.raises(KeyError):
        REPORT.count("no_rule")
