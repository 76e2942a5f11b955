"""Configurations for tests: seconds to train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HDGCN = {
    "model": {"name": "hdgcn_tiny", "head": "sigmoid", "options": {"widths": [16, 32]}},
    "data": {"frames": 8, "stride": 2, "skeleton_frames": 16, "size": 64, "cache": True},
    "augment": {"operations": 0, "erase": 0.0},
    "optim": {"epochs_branches": 2, "batch_size": 6, "learning_rate": 1e-2, "warmup_epochs": 1.0},
    "": {"workers": 0},
}


def write_config(path: Path, base: dict[str, dict[str, Any]] = HDGCN, **changes: dict[str, Any]) -> Path:
    """A TOML file of `base` with some keys changed, by table; keys of no table are under "run"."""
    tables = {name: dict(values) for name, values in base.items()}
    for name, values in changes.items():
        tables.setdefault("" if name == "run" else name, {}).update(values)
    lines = [f"{key} = {_toml(value)}" for key, value in tables.pop("", {}).items()]
    for name, values in tables.items():
        lines += [f"[{name}]", *[f"{key} = {_toml(value)}" for key, value in values.items()]]
    path.write_text("\n".join(lines) + "\n")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
