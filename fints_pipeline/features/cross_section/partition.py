"""One month of cross-sectional columns: read the universe's features, compare, write."""

from __future__ import annotations

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, Lineage, series_key
from fints_pipeline.base.lake.lineage import digests
from fints_pipeline.features.config import CARRIED
from fints_pipeline.features.cross_section.config import CrossSectionConfig
from fints_pipeline.features.cross_section.stage import run
from fints_pipeline.schemas.features import features_contract

CODE_VERSION = "1"


def build(lake: Lake, config: CrossSectionConfig, freq: str, instrument: str, month: str) -> Footer:
    """Compute and write ``cross_section/freq/instrument/month``.

    Every value stays null while a member's month is not in the lake; its arrival makes this
    partition stale.

    Raises:
        ConfigError: the instrument is not in the universe.
        KeyNotFoundError: the instrument's own features are not in the lake.
    """
    if instrument not in config.universe:
        raise ConfigError(
            f"{instrument!r} is not in the universe", fix=nearest(instrument, config.universe)
        )
    keys = {name: series_key("features", freq, name, month) for name in config.universe}
    wanted = [*CARRIED, *config.features]
    own = lake.read(keys[instrument], wanted)
    tables = {
        name: to_pandas(lake.read(key, wanted) if lake.exists(key) else own.slice(0, 0))
        for name, key in keys.items()
    }
    frame = run(config, tables)[instrument]
    contract = features_contract(config.columns)
    lineage = Lineage(CODE_VERSION, fingerprint(config), digests(lake, keys.values()))
    key = series_key("cross_section", freq, instrument, month)
    return lake.write(key, to_arrow(frame, contract.arrow_schema), contract, lineage)
