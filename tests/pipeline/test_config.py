from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import Config, ConfigError, load

CONFIGS = Path(__file__).parents[2] / "pipeline" / "configs"


def test_the_full_configuration_states_the_defaults() -> None:
    assert load(CONFIGS / "full.toml") == Config()


def test_the_demo_differs_in_values_only() -> None:
    demo = load(CONFIGS / "demo.toml")
    assert demo.flow.backend == "dis" and demo.fetch.allow_private_hosts
    assert demo.cut == Config().cut and demo.skeleton == Config().skeleton


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[flow]\nbond = 20.0", r"unknown key flow\.bond; known here: backend, binary, bound, preset"),
        ("[flow]\nbound = 'wide'", r"flow\.bound must be of type float"),
        ("[flow]\nbackend = 'magic'", r"flow\.backend must be"),
        ("[cut]\ncrf = 99", r"cut\.crf must be from 0 to 51"),
        ("[shard]\nversion = '1'", r"shard\.version must look like"),
        ("flow = 3", "flow must be a table"),
        ("[fetch]\nextractors = 'youtube'", "extractors must be a list"),
        ("[fetch]\nmax_height = true", r"fetch\.max_height must be of type int"),
        ("so not toml", "not a TOML file"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"bad\.toml: .*{words}"):
        load(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        load(tmp_path / "none.toml")
