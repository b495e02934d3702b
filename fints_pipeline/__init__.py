"""From zip archives of OHLCV bars to transformer models and honest walk-forward backtests."""
