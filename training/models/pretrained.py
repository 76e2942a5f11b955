"""Published weights into our models."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.errors import UserError

CONTAINERS = ("model_state", "state_dict", "model")
"""Under which a checkpoint keeps its weights (PySlowFast, the OpenMMLab tools, others); some have none."""


@dataclass(frozen=True)
class LoadReport:
    """What became of every key: `used`; `left_out` of the file, with the reason; `missing` from the file."""

    used: tuple[str, ...]
    left_out: dict[str, str]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.used)} used, {len(self.left_out)} left out, {len(self.missing)} missing"]
        lines += [f"left out  {key}: {why}" for key, why in self.left_out.items()]
        lines += [f"missing   {key}" for key in self.missing]
        return "\n".join(lines)


def load_pretrained(model: nn.Module, path: Path, into: str = "") -> LoadReport:
    """Copies a checkpoint's weights into `model`, or into its submodule `into` ("video", "skeleton.backbone").

    Weights of another shape stay as they are and are reported, so that a classification layer of another size
    is left out. One class token of the file starts all class tokens of a model that has several. Nothing but
    tensors and plain containers is unpickled. Raises UserError for a file that holds no weights for the model.
    """
    try:
        target = model.get_submodule(into)
    except AttributeError:
        raise UserError(f"{path}: the model has no part {into!r} to load it into") from None
    source = read_weights(path)
    own = target.state_dict()
    used: list[str] = []
    left_out: dict[str, str] = {}
    with torch.no_grad():
        for key, value in source.items():
            if key not in own:
                left_out[key] = "the model has no such key"
            elif own[key].shape == value.shape:
                own[key].copy_(value)
                used.append(key)
            elif _one_token_for_many(own[key], value, key):
                own[key].add_(value)  # onto the random start: equal tokens would get equal gradients for ever
                used.append(key)
            else:
                left_out[key] = f"shape {tuple(value.shape)} in the file, {tuple(own[key].shape)} in the model"
    if not used:
        raise UserError(f"{path}: none of its weights fits the model; is it a checkpoint of another one?")
    return LoadReport(tuple(used), left_out, tuple(key for key in own if key not in used))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, without the `module.` that data-parallel training leaves."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such checkpoint") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, IsADirectoryError) as error:
        why = (str(error) or "it ends too early").splitlines()[0]
        raise UserError(f"{path}: not a checkpoint that can be read safely ({why})") from None
    for name in CONTAINERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    tensors = {k: v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, dict) else {}
    if not tensors:
        raise UserError(f"{path}: holds no weights")
    return {str(key).removeprefix("module."): value for key, value in tensors.items()}


def _one_token_for_many(own: Tensor, value: Tensor, key: str) -> bool:
    return key.endswith("cls_token") and value.shape == (1, 1, own.shape[-1])
