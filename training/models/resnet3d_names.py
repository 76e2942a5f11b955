"""Names of published ResNet-50 weights → ours, which are PySlowFast's own."""

from __future__ import annotations

import re

BATCH_NORM = {"s": "weight", "b": "bias", "rm": "running_mean", "riv": "running_var"}
"""Caffe2's names of a batch norm's tensors."""

CAFFE2 = (
    (r"conv1_w", "s1.pathway{p}_stem.conv.weight"),
    (r"(?:res_)?conv1_bn_(?P<bn>\w+)", "s1.pathway{p}_stem.bn.{bn}"),
    (r"res(?P<s>\d)_(?P<b>\d+)_branch1_w", "s{s}.pathway{p}_res{b}.branch1.weight"),
    (r"res(?P<s>\d)_(?P<b>\d+)_branch1_bn_(?P<bn>[a-z]+)", "s{s}.pathway{p}_res{b}.branch1_bn.{bn}"),
    (r"res(?P<s>\d)_(?P<b>\d+)_branch2(?P<l>[abc])_w", "s{s}.pathway{p}_res{b}.branch2.{l}.weight"),
    (r"res(?P<s>\d)_(?P<b>\d+)_branch2(?P<l>[abc])_bn_(?P<bn>[a-z]+)", "s{s}.pathway{p}_res{b}.branch2.{l}_bn.{bn}"),
    (r"pool1_subsample_w", "s1_fuse.conv_f2s.weight"),
    (r"pool1_subsample_bn_(?P<bn>[a-z]+)", "s1_fuse.bn.{bn}"),
    (r"res(?P<s>\d)_\d+_branch2c_bn_subsample_w", "s{s}_fuse.conv_f2s.weight"),
    (r"res(?P<s>\d)_\d+_branch2c_bn_subsample_bn_(?P<bn>[a-z]+)", "s{s}_fuse.bn.{bn}"),
    (r"pred_w", "head.projection.weight"),
    (r"pred_b", "head.projection.bias"),
)
"""Without the `t_` in front, which marks the fast pathway."""

IMAGE = (
    (r"conv1\.(?P<leaf>\w+)", "s1.pathway0_stem.conv.{leaf}"),
    (r"bn1\.(?P<leaf>\w+)", "s1.pathway0_stem.bn.{leaf}"),
    (r"layer(?P<s>\d)\.(?P<b>\d+)\.conv(?P<l>\d)\.(?P<leaf>\w+)", "s{s}.pathway0_res{b}.branch2.{l}.{leaf}"),
    (r"layer(?P<s>\d)\.(?P<b>\d+)\.bn(?P<l>\d)\.(?P<leaf>\w+)", "s{s}.pathway0_res{b}.branch2.{l}_bn.{leaf}"),
    (r"layer(?P<s>\d)\.(?P<b>\d+)\.downsample\.0\.(?P<leaf>\w+)", "s{s}.pathway0_res{b}.branch1.{leaf}"),
    (r"layer(?P<s>\d)\.(?P<b>\d+)\.downsample\.1\.(?P<leaf>\w+)", "s{s}.pathway0_res{b}.branch1_bn.{leaf}"),
    (r"fc\.(?P<leaf>\w+)", "head.projection.{leaf}"),
)
"""Torchvision's 2-D ResNet, which counts stages and layers from one."""


def own_name(key: str) -> str:
    """Ours for a name of Caffe2 or of an image model; any other stays as it is."""
    bare = key.removeprefix("t_")
    for pattern, name in CAFFE2:
        if (match := re.fullmatch(pattern, bare)) and match.groupdict().get("bn", "s") in BATCH_NORM:
            parts = match.groupdict()
            parts["bn"] = BATCH_NORM[parts.get("bn", "s")]
            return name.format(p=int(bare != key), **parts)
    for pattern, name in IMAGE:
        if match := re.fullmatch(pattern, key):
            parts = match.groupdict()
            if "s" in parts:
                parts["s"] = str(int(parts["s"]) + 1)
            if "l" in parts:
                parts["l"] = "abc"[int(parts["l"]) - 1]
            return name.format(**parts)
    return key
