"""configs/tokenize: the shipped file, and what a wrong one says."""

import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Footer, Lineage
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.tokenizers.config import CORE5, NOTE, TokenizeConfig, made_by


def test_the_shipped_config_is_the_default_grammar(project) -> None:
    config = load_config(project / "configs" / "tokenize" / "brooks.yaml", TokenizeConfig)
    assert config == TokenizeConfig()
    assert config.vocabulary.fields == CORE5 == ("trend", "bar", "swing", "context", "event")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters: {long_art: 2}", "long_atr"),
        ("parameters: {warmup: 3}", "warmup must not be shorter"),
        ("vocabulary: {fields: [trend, bars]}", "did you mean 'bar'"),
        ("vocabulary: {fields: [bar, bar]}", "each once"),
        (f"vocabulary: {{fields: [{', '.join(FIELDS)}]}}", "choose fewer"),
        ("off_grid: ignore", "off_grid"),
        ("grammar: elliott", "brooks"),
    ],
)
def test_wrong_configs_are_explained(text: str, message: str, tmp_path) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "wrong.yaml", TokenizeConfig)


def test_the_documentation_lists_every_parameter_and_value(project) -> None:
    """docs/grammar.md is the reader's page of the code: none of its numbers may be missing."""
    page = (project / "docs" / "grammar.md").read_text()
    parameters = TokenizeConfig().parameters
    for name, value in parameters:
        shown = {1 / 3: "1/3", 2 / 3: "2/3"}.get(value, f"{value:g}")
        assert f"| `{name}` | {shown} |" in page, name
    for name, values in FIELDS.items():
        assert f"### {name}" in page
        for value in values[1:]:
            assert f"`{value}`" in page, (name, value)


def noted(*configs: TokenizeConfig) -> list[Footer]:
    return [
        Footer("d", 1, "tokens", "s", Lineage("1", "c"), notes={NOTE: one.model_dump_json()})
        for one in configs
    ]


def test_tokens_say_which_config_made_them() -> None:
    config = TokenizeConfig(vocabulary={"fields": ("trend", "bar"), "min_freq": 3})
    assert made_by(noted(config, config)) == config
    assert made_by([]) == TokenizeConfig()
    with pytest.raises(ConfigError, match="different tokenizer configs"):
        made_by(noted(config, TokenizeConfig()))
