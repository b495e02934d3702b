"""The `news:` section of a dataset's config: which sources are counted on its bars."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config


class SourceOnBars(Config):
    """One source, counted on bars.

    Attributes:
        source: Name of a file under configs/news; the items counted on the bars of SYMBOL are those
            about ``<source>.SYMBOL``.
        lag_minutes: Time that passes between an item's publication and its use.
        max_age_days: How long after its last item a source is taken to have nothing to say; after
            that it counts as stopped, and its columns are null.
    """

    source: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    lag_minutes: int = Field(default=0, ge=0)
    max_age_days: int = Field(default=30, ge=1)


class NewsOnBarsConfig(Config):
    """Which sources of news are counted on a dataset's bars, in the order of their columns.

    In YAML the section is the list itself::

        news:
          - {source: stocknet, lag_minutes: 1}
    """

    sources: tuple[SourceOnBars, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _accept_plain_list(cls, section: Any) -> Any:
        return {"sources": section} if isinstance(section, list | tuple) else section

    @model_validator(mode="after")
    def _once_each(self) -> NewsOnBarsConfig:
        if len(set(self.names)) < len(self.names):
            raise ValueError("a source stands there twice")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The sources' names."""
        return tuple(each.source for each in self.sources)
