"""Bars drawn by hand, with the value that the page asks for and why."""

import pytest

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline_tests.tokenizers.golden_bars import PRELUDE, Case, cases
from fints_pipeline_tests.tokenizers.reference import reference_tokens

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.field_name}: {case.name}")
def test_the_field_is_what_the_page_asks_for(case: Case) -> None:
    tokenizer = BrooksTokenizer(1.0, case.mode, case.parameters)
    column = tokenizer.encode(case.bars)[:, list(FIELDS).index(case.field_name)]
    got = [FIELDS[case.field_name][code] for code in column[len(PRELUDE) :]]
    twin = reference_tokens(case.bars, 1.0, case.mode)[len(PRELUDE) :]
    for bar, (value, why) in case.expected.items():
        assert got[bar] == value, f"drawn bar {bar + 1}: {why}"
        if value != "round":  # the twin knows the default parameters only
            assert twin[bar][case.field_name] == value, f"the twin at bar {bar + 1}: {why}"


@pytest.mark.parametrize("name", FIELDS)
def test_every_value_of_every_field_is_drawn_at_least_once(name: str) -> None:
    own = [case for case in CASES if case.field_name == name]
    drawn = {value for case in own for value, _ in case.expected.values()}
    assert drawn == set(FIELDS[name])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.field_name}: {case.name}")
def test_a_case_is_short_and_has_reasons(case: Case) -> None:
    assert 8 <= len(case.drawn) <= 70
    assert case.expected
    assert all(len(why.split()) > 1 for _, why in case.expected.values())
