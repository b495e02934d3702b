"""The predictions contract without Pandera says what the schema says."""

from fints_pipeline.schemas import predictions as schema
from fints_pipeline.training import predict


def test_both_contracts_have_the_same_columns() -> None:
    assert predict.PREDICTIONS.arrow_schema.equals(schema.PREDICTIONS.arrow_schema)
    assert predict.PREDICTIONS.name == schema.PREDICTIONS.name
