"""Torchvision's names of MViTv2 weights → ours, which are PySlowFast's."""

from __future__ import annotations

import re

WHOLE = {
    "pos_encoding.class_token": "cls_token",
    "conv_proj.weight": "patch_embed.proj.weight",
    "conv_proj.bias": "patch_embed.proj.bias",
    "head.1.weight": "head.projection.weight",
    "head.1.bias": "head.projection.bias",
}

PARTS = (
    (r"\.attn\.pool_([qkv])\.pool\.", r".attn.pool_\1."),
    (r"\.attn\.pool_([qkv])\.norm_act\.0\.", r".attn.norm_\1."),
    (r"\.attn\.project\.0\.", ".attn.proj."),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.3\.", ".mlp.fc2."),
    (r"\.project\.(weight|bias)", r".proj.\1"),
)
"""Of a block's weight."""


def own_name(key: str) -> str:
    """Ours for a name of torchvision; any other stays as it is."""
    for pattern, name in PARTS:
        key = re.sub(pattern, name, key)
    return WHOLE.get(key, key)
