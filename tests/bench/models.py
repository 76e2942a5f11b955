"""Clips per second of the models, forward and with the backward pass, eager and compiled.

    python -m tests.bench.models [NAME …] [--batch 8]

On a GPU the models of the paper at their own sizes, in bf16; elsewhere the small ones of each family in float32 on one
thread. The share is of the card's dense bf16 rate, with three times the forward operations for forward and backward.
Last comes MViTv2 with its attention written out, position terms added to a whole matrix of scores as in the paper.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional

from training.config import Config, DataConfig, ModelConfig, load
from training.models import Model, build
from training.models.mvit import PoolingAttention, relative_rows
from training.summary import CONFIGS, PAPER, example, operations

BF16_RATE = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bf16 operations per second by a part of the card's name (NVIDIA's data sheets, SXM)."""

TINY = (
    "stgcn_tiny",
    "ctrgcn_tiny",
    "hdgcn_tiny",
    "resnet3d_tiny",
    "swin_tiny",
    "videomae_tiny",
    "hiera_tiny",
    "mvit_tiny",
)
SECONDS = 3.0
"""For each figure, after warming up."""

GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"


def written_out(
    self: PoolingAttention, q: Tensor, k: Tensor, v: Tensor, query_grid: tuple, key_grid: tuple, tokens: int
) -> Tensor:
    """The same attention with the matrix of all scores: softmax(q k / √d + E) v, E added place by place."""
    grid_q = q[:, :, tokens:].unflatten(2, query_grid)  # [B, h, T, H, W, d]
    axes = zip((self.rel_pos_t, self.rel_pos_h, self.rel_pos_w), query_grid, key_grid, strict=True)
    rows_t, rows_h, rows_w = (relative_rows(table, of_q, of_k) for table, of_q, of_k in axes)
    terms = (
        torch.einsum("bnthwd,tkd->bnthwk", grid_q, rows_t)[..., :, None, None]
        + torch.einsum("bnthwd,hkd->bnthwk", grid_q, rows_h)[..., None, :, None]
        + torch.einsum("bnthwd,wkd->bnthwk", grid_q, rows_w)[..., None, None, :]
    )  # [B, h, T, H, W, T', H', W']
    scores = (q * self.scale) @ k.transpose(-2, -1)
    scores = scores + functional.pad(terms.flatten(5).flatten(2, 4), (tokens, 0, tokens, 0))
    return scores.softmax(dim=-1) @ v


def rate(run: Callable[[], object], clips: int) -> float:
    """Clips per second."""
    for _ in range(2):
        run()
    synchronize()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        run()
        synchronize()
        count += 1
    return count * clips / (time.perf_counter() - start)


def synchronize() -> None:
    if GPU:
        torch.cuda.synchronize()


def measure(config: Config, batch: int, compiles: bool) -> tuple[float, float, float, int]:
    """Clips per second forward, and forward and backward; GB at the peak; operations of one clip."""
    torch.manual_seed(0)
    model: Model = build(config.model.name, **config.model.options).to(DEVICE)
    inputs = example(config, model, batch, DEVICE)
    network = torch.compile(model) if compiles else model

    def forward() -> Tensor:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=GPU):
            return torch.stack(list(network(inputs).logits.values())).float()

    def backward() -> None:
        forward().square().mean().backward()
        model.zero_grad(set_to_none=True)

    if GPU:
        torch.cuda.reset_peak_memory_stats()
    model.train()
    both = rate(backward, batch)
    peak = torch.cuda.max_memory_allocated() / 1e9 if GPU else 0.0
    model.eval()
    with torch.no_grad():
        alone = rate(forward, batch)
    return alone, both, peak, operations(config)


def row(name: str, config: Config, batch: int, compiles: bool) -> float:
    alone, both, peak, count = measure(config, batch, compiles)
    card = torch.cuda.get_device_name() if GPU else ""
    limit = next((value for part, value in BF16_RATE.items() if part in card), 0.0)
    share = f"{3 * count * both / limit:.1%}" if limit else "–"
    memory = f"{peak:.1f}" if GPU else "–"
    how = "compiled" if compiles else "eager"
    print(f"| {name} | {how} | {alone:.1f} | {both:.1f} | {share} | {memory} |", flush=True)
    torch.compiler.reset()
    return both


def main(names: list[str], batch: int, compiles: bool) -> None:
    torch.set_num_threads(1)
    if GPU:
        configs = {name: load(CONFIGS / f"{name}.toml") for name in names or PAPER}
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, batch {batch}, bf16\n")
    else:
        data = DataConfig(frames=8, size=64, skeleton_frames=64)
        configs = {name: Config(model=ModelConfig(name=name), data=data) for name in names or TINY}
        print(f"One core, torch {torch.__version__}, batch {batch}, float32\n")
    print(
        "| model | | clips/s forward | forward and backward | share of bf16 rate | peak GB |\n|---|---|--:|--:|--:|--:|"
    )
    ways = (False, True) if compiles else (False,)
    for name, config in configs.items():
        speeds = [row(name, config, batch, way) for way in ways]
        if "mvit" in name and "b" not in name.removeprefix("mvit"):
            with mock.patch.object(PoolingAttention, "_attend", written_out):
                plain = row(f"{name}, attention written out", config, batch, False)
            words = f", compiled {speeds[-1] / speeds[0]:.2f} times" if compiles else ""
            print(f"| | eager {speeds[0] / plain:.2f} times the written out{words} | | | | |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="configurations on a GPU, presets elsewhere [default: all]")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--eager", action="store_true", help="leave the compiled ones out (they need a C++ compiler)")
    arguments = parser.parse_args()
    main(arguments.names, arguments.batch, not arguments.eager)
