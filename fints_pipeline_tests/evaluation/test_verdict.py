"""The fixed rule, leg by leg."""

import math

import pytest

from fints_pipeline.evaluation.verdict import verdict

GOOD = {
    "model": "classifier", "fills": 100, "sessions": 60, "deflated": 0.97, "trials": 2,
    "doubled_return": 0.01, "null_p": 0.01,
}  # fmt: skip


def test_all_legs_hold():
    found = verdict(**GOOD)
    assert found.passed
    assert found.sentence.startswith("The evidence for classifier survives: it traded 100 times")


@pytest.mark.parametrize(
    ("change", "leg", "words"),
    [
        ({"fills": 0}, "trades", "it never traded"),
        ({"sessions": 19}, "trades", "at least 20 are needed"),
        ({"deflated": 0.95}, "deflated", "2 trials; above 95"),
        ({"deflated": math.nan}, "deflated", "cannot be told from luck"),
        ({"doubled_return": 0.0}, "costs", "with costs doubled it returns 0.00"),
        ({"null_p": 0.05}, "null", "5.0\u00a0% of shifted signals"),
    ],
)
def test_one_failed_leg_fails_and_is_named(change, leg, words):
    found = verdict(**{**GOOD, **change})
    assert not found.passed
    assert [one.name for one in found.legs if not one.passed] == [leg]
    assert found.sentence.startswith("No evidence of skill in classifier: ")
    assert words in found.sentence


def test_warnings_are_repeated_whichever_way_it_goes():
    for deflated in (0.99, 0.1):
        found = verdict(
            **{**GOOD, "deflated": deflated}, synthetic=True, universe_note="today's members."
        )
        assert "nothing about any real market" in found.sentence
        assert "Survivorship warning: today's members." in found.sentence
