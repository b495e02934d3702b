"""YAML files into frozen pydantic models, with errors that name file, key, value and choices."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from fints_pipeline.base.errors import ConfigError, nearest

FINGERPRINT_LENGTH = 16


class Config(BaseModel):
    """A frozen config model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


C = TypeVar("C", bound=BaseModel)


def load_config(path: Path | str, model: type[C], section: str | None = None) -> C:
    """Load a YAML (or JSON) file into ``model``.

    Args:
        path: The config file.
        model: The model to validate it with.
        section: Take this top-level key only; the file's other sections belong to other stages.

    Raises:
        ConfigError: the file is missing, is not YAML, or holds a wrong name or value.
    """
    path = Path(path)
    content = read_yaml(path)
    if section is not None:
        if section not in content:
            raise ConfigError(
                f"section {section!r} is missing",
                where=str(path),
                fix=nearest(section, content) or f"add a `{section}:` section",
            )
        content = content[section]
    return parse_config(content, model, where=str(path), prefix=section)


def named_like_its_file(experiment: str, path: Path | str) -> None:
    """Check that a config is filed under the experiment that it is about.

    Raises:
        ConfigError: the names differ.
    """
    stem = Path(path).stem
    if experiment != stem:
        raise ConfigError(
            f"key `experiment` is {experiment!r}, the file is named {stem!r}",
            where=str(path),
            fix="give both the same name: results are filed under it",
        )


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Return the mapping that a YAML or JSON file holds.

    Raises:
        ConfigError: the file is missing, unreadable, not YAML, or not a mapping.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("config file not found", where=str(path), fix=_neighbours(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config file cannot be read: {error}", where=str(path)) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {_one_line(error)}", where=str(path)) from None
    if not isinstance(content, dict):
        raise ConfigError(
            "a config file must hold `key: value` lines at its top level", where=str(path)
        )
    return content


def parse_config(content: object, model: type[C], *, where: str, prefix: str | None = None) -> C:
    """Validate already loaded ``content``; ``where`` names its file in errors."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigError(
            _describe(error, model, prefix), where=where, fix=_advise(error, model)
        ) from None


def fingerprint(config: object) -> str:
    """Return 16 hex digits that name a config's values, whatever the order of its keys."""
    encoded = json.dumps(_jsonable(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(encoded.encode()).hexdigest()[:FINGERPRINT_LENGTH]


def _jsonable(value: object) -> object:
    if isinstance(value, BaseModel):
        content = {name: _jsonable(getattr(value, name)) for name in type(value).model_fields}
        name = getattr(value, "name", None)
        return {"name": name, **content} if isinstance(name, str) else content
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_jsonable(v) for v in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)


def _describe(error: ValidationError, model: type[BaseModel], prefix: str | None) -> str:
    lines = []
    for problem in error.errors():
        parts = (*([prefix] if prefix else []), *problem["loc"])
        keys = ".".join(str(part) for part in parts if not _is_tag(part))
        if problem["type"] == "missing":
            lines.append(f"key `{keys}` is missing")
        elif problem["type"] == "extra_forbidden":
            lines.append(f"key `{keys}` is unknown (value {problem['input']!r})")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"key `{keys}`: {message} (value {problem['input']!r})")
    return "; ".join(lines)


def _is_tag(part: int | str) -> bool:
    """Return whether a part of a key path names the chosen member of a union, no key."""
    return isinstance(part, str) and part.startswith("<")


def _advise(error: ValidationError, model: type[BaseModel]) -> str | None:
    for problem in error.errors():
        if problem["type"] == "extra_forbidden":
            owners = _models_at(model, problem["loc"][:-1])
            fields = {name for owner in owners for name in owner.model_fields}
            if fields:
                return nearest(str(problem["loc"][-1]), sorted(fields))
    return None


def _models_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[type[BaseModel]]:
    """Return the models that a key path may lead to, as far as the annotations tell.

    Within a mapping the key is not a field: the models of its values stay candidates.
    """
    current: list[type[BaseModel]] = [model]
    for part in loc:
        if isinstance(part, int) or _is_tag(part):
            continue
        found = [m.model_fields[part].annotation for m in current if part in m.model_fields]
        if found:
            current = [inner for annotation in found for inner in _inner_models(annotation)]
    return current


def _inner_models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [inner for argument in get_args(annotation) for inner in _inner_models(argument)]


def _neighbours(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"folder {path.parent} does not exist"
    siblings = [p.name for p in path.parent.iterdir() if p.suffix in {".yaml", ".yml", ".json"}]
    return nearest(path.name, siblings) or f"{path.parent} holds no config files"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
