"""The predictions contract without Pandera says what the schema says."""

from fints_pipeline.schemas import predictions as schema
from fints_pipeline.training import prediction_table


def test_both_contracts_have_the_same_columns() -> None:
    assert prediction_table.PREDICTIONS.arrow_schema.equals(schema.PREDICTIONS.arrow_schema)
    assert prediction_table.PREDICTIONS.name == schema.PREDICTIONS.name
