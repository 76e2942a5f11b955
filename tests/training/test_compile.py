"""Training behind compiled code: the same losses and the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_shards import toy_clips, write_dataset
from test_train import QUIET, equal, last, stop_at
from toy import write_config

from pipeline.errors import UserError
from training import checkpoint, device, train
from training.models import build

STGCN = {"name": "stgcn_tiny", "options": {"widths": [8]}}
OPTIM = {"epochs_branches": 2, "batch_size": 3}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine clips to train on: three steps an epoch, all of one size, for which there is code to make."""
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", toy_clips(["train"] * 3 + ["val"]))


def config(folder: Path, **run: Any) -> Path:
    return write_config(folder / "a.toml", model=STGCN, optim=OPTIM, run=run)


@pytest.mark.slow
def test_a_compiled_run_trains_as_one_that_is_not(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        device.require_compiler()
    except UserError as error:
        pytest.skip(str(error))
    code = tmp_path / "cache"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(code))
    train.train(config(tmp_path), small, tmp_path / "plain", QUIET)
    assert not list(code.rglob("*.so"))
    compiled = config(tmp_path, compile=True, checkpoint_steps=1)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(4, patch)
        with pytest.raises(KeyboardInterrupt):
            train.train(compiled, small, tmp_path / "stopped", QUIET)
    assert list(code.rglob("*.so"))
    for name in ("stopped", "compiled"):
        train.train(compiled, small, tmp_path / name, QUIET)
    ends = {name: last(tmp_path / name) for name in ("plain", "compiled", "stopped")}
    losses = [ends[name]["progress"]["losses"] for name in ("plain", "compiled")]
    assert np.allclose(*losses, atol=1e-3) and len(losses[0]) == 6
    assert equal(ends["compiled"], ends["stopped"])
    bare = build(STGCN["name"], **STGCN["options"])
    assert list(ends["compiled"]["model"]) == list(bare.state_dict())
    checkpoint.load_best(tmp_path / "compiled", bare)


def test_without_a_compiler_it_is_one_line(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UserError, match=r"^compile = true needs g\+\+") as refused:
        train.train(config(tmp_path, compile=True), small, tmp_path / "run", QUIET)
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()
