"""Parts named by their file: ``{name: atr, window: 14}`` is the class in ``features/atr.py``.

There is no registry: adding ``features/my_feature.py`` with one subclass of the package's base
class is enough for YAML files to name it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainSerializer, ValidationError

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError, nearest


class Component(Config):
    """A configurable part; its name is the name of the module that defines it."""

    @property
    def name(self) -> str:
        """The component's name in config files."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """What it is, in the one line that its docstring starts with."""
        return (inspect.getdoc(type(self)) or "").partition("\n")[0].rstrip(".")


T = TypeVar("T", bound=Component)


def available(package: str, base: type[T]) -> list[str]:
    """Return the names of the components that ``package`` holds, sorted."""
    folder = importlib.import_module(package)
    modules = (m.name for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_"))
    return sorted(name for name in modules if _find(package, name, base) is not None)


def load_component(package: str, base: type[T], spec: Mapping[str, Any]) -> T:
    """Build the component that ``spec`` names.

    Args:
        package: Dotted package with one component a module.
        base: The class that components of this package extend.
        spec: ``name`` and the component's parameters.

    Raises:
        ConfigError: the name or a parameter is wrong; the message says which would be valid.
    """
    parameters = dict(spec)
    name = parameters.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"a component needs a `name` (got {dict(spec)!r})")
    kind = _find(package, name, base) if name.isidentifier() and name[0] != "_" else None
    if kind is None:
        raise ConfigError(
            f"no {base.__name__.lower()} {name!r}: " + nearest(name, available(package, base))
        )
    try:
        return kind.model_validate(parameters)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        hint = nearest(key, kind.model_fields) if problem["type"] == "extra_forbidden" else ""
        raise ConfigError(
            f"{name}.{key}: {message} (value {problem['input']!r}) {hint}".rstrip()
        ) from None


def Components(package: str, base: type[T]) -> Any:
    """Return a pydantic field type: a tuple of components of ``package``, built from YAML maps."""

    def build(value: object) -> object:
        if not isinstance(value, list | tuple):
            raise ValueError("write a list of `- {name: …}` items")
        return tuple(_build_one(package, base, item) for item in value)

    kind: Any = base
    return Annotated[tuple[kind, ...], BeforeValidator(build), PlainSerializer(_dump)]


def ComponentOf(package: str, base: type[T]) -> Any:
    """Return a pydantic field type: one component of ``package``, built from a YAML map."""
    kind: Any = base
    build = BeforeValidator(lambda value: _build_one(package, base, value))
    return Annotated[kind, build, PlainSerializer(_dump_one)]


def _build_one(package: str, base: type[T], item: object) -> T:
    if isinstance(item, base):
        return item
    if isinstance(item, str):
        item = {"name": item}
    if not isinstance(item, Mapping):
        raise ValueError(f"write it as `{{name: …}}`, not {item!r}")
    try:
        return load_component(package, base, item)
    except ConfigError as error:
        raise ValueError(error.what) from None


def _dump(components: tuple[Component, ...]) -> list[dict[str, Any]]:
    return [_dump_one(component) for component in components]


def _dump_one(component: Component) -> dict[str, Any]:
    return {"name": component.name, **component.model_dump()}


def _find(package: str, name: str, base: type[T]) -> type[T] | None:
    try:
        module = importlib.import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"{package}.{name}":
            return None
        raise
    kinds = [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, base) and kind is not base and kind.__module__ == module.__name__
    ]
    if len(kinds) > 1:
        names = ", ".join(k.__name__ for k in kinds)
        raise TypeError(f"{module.__name__} must hold one {base.__name__}, found {names}")
    return kinds[0] if kinds else None
