"""Dataset configs for tests."""

from fints_pipeline.data.config import DatasetConfig


def binance(name: str = "binance", **changes: object) -> DatasetConfig:
    return DatasetConfig.model_validate(
        {
            "name": name,
            "format": "binance_klines",
            "calendar": "crypto_24_7",
            "asset_class": "crypto",
            "ticks": {"BTCUSDT": 0.01},
            **changes,
        }
    )


def histdata(name: str = "histdata", **changes: object) -> DatasetConfig:
    return DatasetConfig.model_validate(
        {
            "name": name,
            "format": "histdata_m1",
            "calendar": "fx_24_5",
            "timezone": "America/New_York",
            "asset_class": "fx",
            "quote": "bid",
            "has_volume": False,
            "ticks": {"EURUSD": 0.00001},
            **changes,
        }
    )


def lean(name: str = "lean", **changes: object) -> DatasetConfig:
    return DatasetConfig.model_validate(
        {
            "name": name,
            "format": "lean_daily",
            "calendar": "XNYS",
            "timezone": "America/New_York",
            "asset_class": "equity",
            "base_frequency": "1D",
            "frequencies": ["1D"],
            "model_frequency": "1D",
            "ticks": {"*": 0.01},
            **changes,
        }
    )
