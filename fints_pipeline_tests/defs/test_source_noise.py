"""The check of sources against look-ahead, where there is nothing to look at."""

from fints_pipeline.base.lake import Lake, Lineage
from fints_pipeline.data.exogenous import ExogenousConfig, raw_key_of, series_key_of
from fints_pipeline.data.exogenous.partition import contract_of
from fints_pipeline.data.news.partition import news_key, raw_key
from fints_pipeline.defs.source_noise import news_is_causal, series_is_causal
from fints_pipeline.schemas.news import NEWS
from fints_pipeline.schemas.raw_exogenous import raw_exogenous_contract
from fints_pipeline.schemas.raw_news import RAW_NEWS

SUBJECT, MONTH = "wire.BAC", "2024-07"


def test_a_source_without_rows_has_nothing_to_compare(lake: Lake):
    config = ExogenousConfig(name="fear", period="day", values={"close": "CLOSE"})
    for key, contract in (
        (raw_key_of(config), raw_exogenous_contract(["close"])),
        (series_key_of(config), contract_of(config)),
        (raw_key(SUBJECT, MONTH), RAW_NEWS),
        (news_key(SUBJECT, MONTH), NEWS),
    ):
        lake.write(key, contract.arrow_schema.empty_table(), contract, Lineage("1", "", {}))
    for verdict in (series_is_causal(lake, config), news_is_causal(lake, SUBJECT, MONTH)):
        assert verdict.passed
        assert "nothing to compare" in verdict.evidence["evidence"].value
