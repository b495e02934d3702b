from pathlib import Path

import pytest

from fints_pipeline.base.config import Config, fingerprint, load_config
from fints_pipeline.base.errors import ConfigError


class Inner(Config):
    window: int = 14


class Outer(Config):
    name: str
    inner: Inner = Inner()
    parts: tuple[Inner, ...] = ()


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_loads_a_section(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "one: {name: x, inner: {window: 3}}\nother: [1]\n")
    assert load_config(path, Outer, section="one") == Outer(name="x", inner=Inner(window=3))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\ninner: {windwo: 3}\n", ["inner.windwo", "unknown", "3", "'window'"]),
        ("name: x\ninner: {window: many}\n", ["inner.window", "'many'", "integer"]),
        ("inner: {}\n", ["`name` is missing"]),
        ("name: x\nparts: [{window: 1}, {windo: 2}]\n", ["parts.1.windo", "'window'"]),
        ("- 1\n", ["top level"]),
        ("a: [1\n", ["not valid YAML", "line 2"]),
    ],
)
def test_errors_name_file_key_value_and_choices(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    path = write(tmp_path / "bad.yaml", text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, Outer)
    for fragment in ["bad.yaml", *expected]:
        assert fragment in str(caught.value)


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path / "demo.yaml", "name: x\n")
    with pytest.raises(ConfigError, match=r"demo\.yaml"):
        load_config(tmp_path / "deno.yaml", Outer)


def test_a_missing_section_names_near_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", "dataset: {}\n")
    with pytest.raises(ConfigError, match="dataset"):
        load_config(path, Outer, section="datasets")


def test_fingerprint_ignores_key_order_and_sees_values() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint(Outer(name="x")) != fingerprint(Outer(name="x", inner=Inner(window=15)))
