"""The models of the benchmark, one file a family.

A model is a module that takes a dict of modalities (`Inputs`) and returns an `Output`; `model.modalities`
names what it reads.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pipeline.errors import UserError
from training.models import ctrgcn, hdgcn, hiera, mvit, resnet3d, stgcn, swin, transm3e, videomae
from training.models.output import Inputs, Output
from training.models.pretrained import LoadReport, load_pretrained

__all__ = ["PRESETS", "Inputs", "LoadReport", "Model", "Output", "build", "load_pretrained"]

Model = (
    stgcn.STGCN
    | ctrgcn.CTRGCN
    | hdgcn.HDGCN
    | mvit.MViT
    | transm3e.TransM3E
    | hiera.Hiera
    | resnet3d.ResNet3D
    | swin.VideoSwin
    | videomae.VideoMAE
)

PRESETS = {
    "stgcn": (stgcn.STGCN, stgcn.COCO),
    "stgcn_kinetics": (stgcn.STGCN, stgcn.KINETICS),
    "stgcn_tiny": (stgcn.STGCN, stgcn.TINY),
    "ctrgcn": (ctrgcn.CTRGCN, ctrgcn.COCO),
    "ctrgcn_ntu": (ctrgcn.CTRGCN, ctrgcn.NTU),
    "ctrgcn_tiny": (ctrgcn.CTRGCN, ctrgcn.TINY),
    "hdgcn": (hdgcn.HDGCN, hdgcn.COCO),
    "hdgcn_ntu": (hdgcn.HDGCN, hdgcn.NTU),
    "hdgcn_tiny": (hdgcn.HDGCN, hdgcn.TINY),
    "mvit_v2_s": (mvit.MViT, mvit.S),
    "mvit_v2_b": (mvit.MViT, mvit.B),
    "mvit_tiny": (mvit.MViT, mvit.TINY),
    "c2d_r50": (resnet3d.ResNet3D, resnet3d.C2D),
    "i3d_r50": (resnet3d.ResNet3D, resnet3d.I3D),
    "slow_r50": (resnet3d.ResNet3D, resnet3d.SLOW),
    "slowfast_r50": (resnet3d.ResNet3D, resnet3d.SLOWFAST),
    "resnet3d_tiny": (resnet3d.ResNet3D, resnet3d.TINY),
    "video_swin_s": (swin.VideoSwin, swin.S),
    "video_swin_b": (swin.VideoSwin, swin.B),
    "swin_tiny": (swin.VideoSwin, swin.TINY),
    "videomae_v2_b": (videomae.VideoMAE, videomae.B),
    "videomae_tiny": (videomae.VideoMAE, videomae.TINY),
    "hiera_b": (hiera.Hiera, hiera.B),
    "hiera_tiny": (hiera.Hiera, hiera.TINY),
    "transm3e": (transm3e.TransM3E, transm3e.PAPER),
    "transm3e_tiny": (transm3e.TransM3E, transm3e.TINY),
}
"""Name → the model and its configuration. Random and All Ones are no models: see `baselines`."""

C = TypeVar("C")


def build(name: str, **config: Any) -> Model:
    """The model `name`; `config` overrides fields of its configuration (a nested table as a dict).

    Raises UserError for an unknown name or field, or a value that does not fit.
    """
    if name not in PRESETS:
        raise UserError(f"no model is called {name!r}; known: {', '.join(PRESETS)}")
    model, preset = PRESETS[name]
    return model(configure(preset, config))


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
