import sys
from pathlib import Path

import pytest

from fints_pipeline.base.components import Component, Components, available, load_component
from fints_pipeline.base.config import Config, fingerprint, load_config
from fints_pipeline.base.errors import ConfigError


class Shape(Component):
    """Base of the test's components."""


SQUARE = """
from fints_pipeline_tests.base.test_components import Shape

class Square(Shape):
    side: int = 1
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "made_up_shapes"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "square.py").write_text(SQUARE)
    (folder / "circle.py").write_text(SQUARE.replace("Square", "Circle"))
    (folder / "config.py").write_text("VALUE = 1\n")
    (folder / "_helpers.py").write_text(SQUARE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "made_up_shapes"
    for name in [name for name in sys.modules if name.startswith("made_up_shapes")]:
        del sys.modules[name]


def test_a_new_file_is_a_new_component(package: str) -> None:
    assert available(package, Shape) == ["circle", "square"]
    square = load_component(package, Shape, {"name": "square", "side": 3})
    assert (square.name, square.side) == ("square", 3)


def test_components_of_other_files_with_equal_values_have_other_fingerprints(package: str) -> None:
    square = load_component(package, Shape, {"name": "square"})
    circle = load_component(package, Shape, {"name": "circle"})
    assert fingerprint(square) != fingerprint(circle)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"name": "sqare"}, "did you mean 'square'"),
        ({"name": "square", "sied": 2}, "did you mean 'side'"),
        ({"name": "square", "side": "wide"}, "integer"),
        ({"side": 2}, "needs a `name`"),
        ({"name": "_helpers"}, "no shape '_helpers'"),
        ({"name": "../square"}, "no shape"),
    ],
)
def test_wrong_specs_say_what_would_be_valid(package: str, spec: dict, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_component(package, Shape, spec)


def test_components_in_a_config_file(package: str, tmp_path: Path) -> None:
    model = type("Model", (Config,), {"__annotations__": {"shapes": Components(package, Shape)}})
    path = tmp_path / "shapes.yaml"
    path.write_text("shapes:\n- {name: square, side: 2}\n- circle\n")
    assert [shape.name for shape in load_config(path, model).shapes] == ["square", "circle"]
    path.write_text("shapes:\n- {name: square, sied: 2}\n")
    with pytest.raises(ConfigError, match=r"(?s)shapes.*sied.*'side'.*shapes\.yaml"):
        load_config(path, model)
