"""The boosted trees: what they learn, that they repeat and load back, what they refuse."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from fints_pipeline.base.errors import ConfigError, LakeError, SchemaError
from fints_pipeline.models import lightgbm
from fints_pipeline.models.lightgbm import LightgbmConfig

SMALL = {"trees": 40, "leaf_samples": 20, "learning_rate": 0.1}
CONFIGS = [
    LightgbmConfig(**SMALL),
    LightgbmConfig(**SMALL, objective="classification", classes=3),
    LightgbmConfig(**SMALL, objective="quantile", quantiles=(0.1, 0.5, 0.9)),
]


def data(config: LightgbmConfig, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (2000, 4), some missing, of which the first sets the target."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2_000, 4)).astype(np.float32)
    y = np.sin(2 * x[:, 0]) + 0.3 * rng.normal(size=2_000)
    x[::50, 1] = np.nan
    if config.objective == "classification":
        y = np.digitize(y, [-0.3, 0.3])
    return x, y.astype(float)


@pytest.fixture(params=CONFIGS, ids=lambda c: c.objective)
def config(request: pytest.FixtureRequest) -> LightgbmConfig:
    return request.param


def test_predictions_have_the_objectives_shape(config: LightgbmConfig) -> None:
    x, y = data(config)
    found = lightgbm.predict(lightgbm.fit(config, x, y), x[:10])
    shape = {"regression": (10,), "classification": (10, 3), "quantile": (10, 3)}
    assert found.shape == shape[config.objective]
    assert np.isfinite(found).all()


def test_fits_repeat_and_load_back_bit_for_bit(config: LightgbmConfig, tmp_path: Path) -> None:
    x, y = data(config)
    validation = data(config, seed=1)
    model = lightgbm.fit(config, x, y, validation)
    again = lightgbm.fit(config, x, y, validation)
    for name, one in (("a", model), ("b", again)):
        (tmp_path / name).mkdir()
        lightgbm.save(one, config, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert "config.json" in files
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    loaded = lightgbm.load(tmp_path / "a")
    assert loaded.config == config
    assert loaded.leaves == model.leaves > 40
    assert np.array_equal(lightgbm.predict(loaded, x), lightgbm.predict(model, x))


def test_the_signal_is_found() -> None:
    (x, y), (unseen, actual) = data(CONFIGS[0]), data(CONFIGS[0], seed=2)
    found = lightgbm.predict(lightgbm.fit(CONFIGS[0], x, y, data(CONFIGS[0], 1)), unseen)
    assert np.mean((found - actual) ** 2) < 0.35 * actual.var()


def test_probabilities_add_up_and_follow_the_signal() -> None:
    config = CONFIGS[1]
    (x, y), (unseen, actual) = data(config), data(config, seed=2)
    found = lightgbm.predict(lightgbm.fit(config, x, y), unseen)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == actual).mean() > 0.7


def test_quantiles_cover_their_share_and_do_not_cross() -> None:
    config = CONFIGS[2]
    (x, y), (unseen, actual) = data(config), data(config, seed=2)
    found = lightgbm.predict(lightgbm.fit(config, x, y), unseen)
    assert (np.diff(found, axis=1) >= 0).all()
    below = (actual[:, None] <= found).mean(axis=0)
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=0.07)


def test_boosting_stops_where_validation_gets_no_better() -> None:
    config = LightgbmConfig(trees=400, patience=5, leaf_samples=5, learning_rate=0.3)
    x, y = data(config)
    stopped = lightgbm.fit(config, x, y, data(config, seed=1))
    assert stopped.boosters[0].num_trees() < 100
    assert lightgbm.fit(config, x, y).boosters[0].num_trees() == 400


def test_inputs_come_out_unchanged(config: LightgbmConfig) -> None:
    x, y = data(config)
    before = x.copy(), y.copy()
    lightgbm.predict(lightgbm.fit(config, x, y), x)
    assert np.array_equal(x, before[0], equal_nan=True)
    assert np.array_equal(y, before[1])


def test_wrong_targets_and_columns_are_refused() -> None:
    x, y = data(CONFIGS[1])
    with pytest.raises(SchemaError, match="no class number"):
        lightgbm.fit(CONFIGS[1], x, y - 1)
    with pytest.raises(SchemaError, match="missing or infinite"):
        lightgbm.fit(CONFIGS[0], x, np.where(y > 0, np.nan, y))
    with pytest.raises(SchemaError, match="4 columns, got an array of shape"):
        lightgbm.predict(lightgbm.fit(CONFIGS[1], x, y), x[:, :3])
    with pytest.raises(ConfigError, match="number of classes is not set"):
        lightgbm.fit(LightgbmConfig(objective="classification"), x, y)
    with pytest.raises(ValidationError, match="quantiles must rise"):
        LightgbmConfig(quantiles=(0.5, 0.1))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    x, y = data(CONFIGS[0])
    lightgbm.save(lightgbm.fit(CONFIGS[0], x, y), CONFIGS[0], tmp_path)
    (tmp_path / "model.txt").unlink()
    with pytest.raises(LakeError, match="trees cannot be read"):
        lightgbm.load(tmp_path)
