"""What a person types wrong ends in words, with exit code 2 and no stack trace, in all three command lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def typed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pipeline", "--wrk", "x", "status"], "--wrk"),
        (["pipeline", "--workers", "0", "status"], "--workers"),
        (["pipeline", "statsu"], "statsu"),
        (["training", "tran"], "tran"),
        (["dataset_card", "card"], "Missing argument"),
    ],
)
def test_options_and_commands(arguments: list[str], words: str) -> None:
    result = typed(*arguments)
    assert result.returncode == 2
    assert words in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("config", "options", "words"),
    [
        ("[engine]\nmemory_limit = '4 bananas'", [], "engine.memory_limit: Could not interpret 'bananas'"),
        ("[shard]\nversion = '01.1.²'", [], "shard.version must look like 1.2.3"),
        ("", ["--scheduler", "slurm"], "there is no sbatch on this machine"),
        (None, [], "a folder, not a configuration file"),
    ],
)
def test_configurations(tmp_path: Path, config: str | None, options: list[str], words: str) -> None:
    path = tmp_path / "config.toml"
    path.mkdir() if config is None else path.write_text(config)
    result = typed("pipeline", "--work", tmp_path / "work", "--config", path, *options, "demo", "--workouts", "1")
    assert result.returncode == 2
    assert words in result.stderr and "Traceback" not in result.stderr


def test_a_work_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = typed("pipeline", "--work", tmp_path / "file", "status")
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert "no folder to write to" in result.stderr
