"""From predictions to a verdict: signals, sizing, backtest, metrics, inference and the report."""
