"""What the official implementations compute, for the weights and inputs of recipe.py.

`official.json` holds, for each model: where the implementation lies, its configuration's classes, parameters and input,
a digest of the state dict's names, shapes and types, and of its outputs the first values, the mean and the largest. The
whole outputs, from which it was made by `python fixtures_published.py`, are compared too where they are at hand.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import recipe
import torch
from torch import nn

from training.models import Output

SMALL = Path(__file__).with_name("official.json")
FOLDER = Path(__file__).parents[4] / "shared" / "parity"
TOLERANCE = 1e-4
"""Of the largest logit, or of one."""

FIRST = 16
OUTPUTS = ("logits", "features")


def official(name: str) -> dict[str, Any]:
    """The entry of the model `name`."""
    entry: dict[str, Any] = json.loads(SMALL.read_text())[name]
    return entry


def assert_same_keys(model: nn.Module, name: str) -> None:
    """Every official entry is ours, of that shape and type, and we have no other; buffers of its own agree."""
    known = official(name)
    own = {k: [list(v.shape), str(v.dtype).removeprefix("torch.")] for k, v in model.state_dict().items()}
    assert len(own) == known["entries"]
    assert digest(own) == known["keys"]
    assert sum(weight.numel() for weight in model.parameters()) == known["params"]
    for key, sha256 in known["kept"].items():
        values = np.ascontiguousarray(model.state_dict()[key].numpy())
        assert hashlib.sha256(values.tobytes()).hexdigest() == sha256, key


@torch.no_grad()
def assert_same_function(model: nn.Module, name: str, branch: str) -> None:
    """Recipe weights and input give the official logits and features. The model is changed."""
    known = official(name)
    recipe.fill(model, known["kept"])
    output: Output = model.eval()({branch: recipe.model_input(known["input_tag"], known["input_shape"])})
    for part, ours in zip(OUTPUTS, (output.logits[branch], output.features[branch]), strict=True):
        values, theirs = ours.numpy().ravel(), known[part]
        limit = TOLERANCE * max(1, theirs["largest"])
        assert values.size == theirs["size"]
        assert np.abs(values[:FIRST] - theirs["first"]).max() <= limit, part
        assert abs(values.mean(dtype=np.float64) - theirs["mean"]) <= limit, part
        assert abs(np.abs(values).max() - theirs["largest"]) <= limit, part
        if (whole := FOLDER / name / f"{part}.npy").exists():
            assert np.abs(values - np.load(whole).ravel()).max() <= limit, part


def digest(keys: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()


def _small(folder: Path) -> dict[str, Any]:
    meta, keys = (json.loads((folder / f"{part}.json").read_text()) for part in ("meta", "keys"))
    entry = {
        "from": meta["official_repo"],
        "classes": meta["num_classes"],
        "params": meta["params"],
        "entries": len(keys),
        "keys": digest(keys),
        "kept": {key: kept["sha256"] for key, kept in meta["kept"].items()},
        "input_tag": meta["input_tag"],
        "input_shape": meta["input_shape"],
    }
    check = json.loads((FOLDER / "recipe_check.json").read_text())
    if folder.name in check:
        entry["recipe_check"] = check[folder.name]
    for part in OUTPUTS:
        if (folder / f"{part}.npy").exists():
            values = np.load(folder / f"{part}.npy").ravel()
            mean, largest = float(values.mean(dtype=np.float64)), float(np.abs(values).max())
            first = [float(value) for value in values[:FIRST]]
            entry[part] = {"size": values.size, "mean": mean, "largest": largest, "first": first}
    return entry


if __name__ == "__main__":
    metas = {path.parent: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*/meta.json"))}
    models = {folder.name: _small(folder) for folder, meta in metas.items() if "num_classes" in meta}
    SMALL.write_text(json.dumps(models, indent=1) + "\n")
