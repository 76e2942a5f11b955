"""The models of the benchmark, one file a family.

A model is a module that takes a dict of modalities (`Inputs`) and returns an `Output`; `model.modalities`
names what it reads.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pipeline.errors import UserError
from training.models import graph, mvit, transm3e
from training.models.output import Inputs, Output
from training.models.pretrained import LoadReport, load_pretrained

__all__ = ["NAMES", "Inputs", "LoadReport", "Model", "Output", "build", "load_pretrained"]

Model = graph.HDGCN | mvit.MViT | transm3e.TransM3E

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


def build(name: str, **config: Any) -> Model:
    """The model `name`; `config` overrides fields of its configuration (a nested table as a dict).

    Raises UserError for an unknown name or field, or a value that does not fit.
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
    """A copy of a configuration with some fields replaced, each by a value of its type; lists become tuples."""
    types = get_type_hints(type(preset))
    known = {field.name for field in fields(preset)}  # type: ignore[arg-type]
    if unknown := sorted(set(overrides) - known):
        raise UserError(f"unknown model option {where}{unknown[0]}; known here: {', '.join(sorted(known))}")
    values = {
        name: configure(getattr(preset, name), value, f"{where}{name}.")
        if is_dataclass(types[name]) and isinstance(value, dict)
        else _typed(types[name], value, f"{where}{name}")
        for name, value in overrides.items()
    }
    return replace(preset, **values)  # type: ignore[type-var]


def _typed(kind: Any, value: Any, name: str) -> Any:
    """`value` as `kind`, a plain type or tuples of one. Raises UserError if it is something else."""
    if get_origin(kind) is tuple:
        item, *more = get_args(kind)
        if not isinstance(value, list) or (more != [...] and len(value) != 1 + len(more)):
            size = "" if more == [...] else f" of {1 + len(more)}"
            raise UserError(f"model option {name} must be a list{size}, not {value!r}")
        return tuple(_typed(item, entry, name) for entry in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UserError(f"model option {name} must be of type {kind.__name__}, not {value!r}")
    return value
