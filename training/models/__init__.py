"""The models of the benchmark, one file a family.

A model is a module that takes a dict of modalities (`Inputs`) and returns an `Output`; `model.modalities`
names what it reads.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from torch import nn

from pipeline.errors import UserError
from training.models import graph, mvit, transm3e
from training.models.output import Inputs, Output
from training.models.pretrained import LoadReport, load_pretrained

__all__ = ["NAMES", "Inputs", "LoadReport", "Output", "build", "load_pretrained"]

NAMES = (
    "hdgcn",
    "hdgcn_ntu",
    "hdgcn_tiny",
    "mvit_v2_s",
    "mvit_v2_b",
    "mvit_tiny",
    "transm3e",
    "transm3e_tiny",
)
"""What `build` knows. Random and All Ones are no models: see `baselines`."""

C = TypeVar("C")


def build(name: str, **config: Any) -> nn.Module:
    """The model `name`; `config` overrides fields of its configuration (a nested table as a dict).

    Raises UserError for an unknown name or field.
    """
    match name:
        case "hdgcn":
            return graph.HDGCN(configure(graph.HDGCN_COCO, config))
        case "hdgcn_ntu":
            return graph.HDGCN(configure(graph.HDGCN_NTU, config))
        case "hdgcn_tiny":
            return graph.HDGCN(configure(graph.HDGCN_TINY, config))
        case "mvit_v2_s":
            return mvit.MViT(configure(mvit.S, config))
        case "mvit_v2_b":
            return mvit.MViT(configure(mvit.B, config))
        case "mvit_tiny":
            return mvit.MViT(configure(mvit.TINY, config))
        case "transm3e":
            return transm3e.TransM3E(configure(transm3e.PAPER, config))
        case "transm3e_tiny":
            return transm3e.TransM3E(configure(transm3e.TINY, config))
        case _:
            raise UserError(f"no model is called {name!r}; known: {', '.join(NAMES)}")


def configure(preset: C, overrides: dict[str, Any], where: str = "") -> C:
    """A copy of a configuration with some fields replaced. Lists, as TOML has them, become tuples."""
    known = {field.name for field in fields(preset)}  # type: ignore[arg-type]
    if unknown := sorted(set(overrides) - known):
        raise UserError(f"unknown model option {where}{unknown[0]}; known here: {', '.join(sorted(known))}")
    return replace(  # type: ignore[type-var]
        preset,
        **{name: _value(getattr(preset, name), value, f"{where}{name}.") for name, value in overrides.items()},
    )


def _value(current: Any, value: Any, where: str) -> Any:
    if is_dataclass(current) and isinstance(value, dict):
        return configure(current, value, where)
    return _frozen(value)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
