from __future__ import annotations

import pytest
from rich.console import Console

from training.summary import summarise, table

OFFICIAL = {"stgcn": 2.635, "hdgcn": 1.289, "slowfast": 33.691, "mvit-s": 34.246, "hiera-b": 50.800}
"""Million parameters of the official implementations with 20 classes."""


def test_parameters_are_the_official_ones_and_stand_beside_the_papers() -> None:
    rows = [summarise(name) for name in OFFICIAL]
    assert {row.name: row.params for row in rows} == pytest.approx(OFFICIAL, abs=5e-4)
    console = Console(width=80, record=True)
    console.print(table(rows))
    lines = console.export_text().splitlines()
    (mvit,) = [line for line in lines if line.strip().startswith("mvit-s ")]
    assert mvit.split()[:7] == ["mvit-s", "16", "×", "224²", "rgb", "34.25", "34.2"]
    assert any(line.startswith("hiera-b: 51.09") for line in lines)


def test_operations_by_hand() -> None:
    """Slow's first convolution: 64 kernels of 3 × 7 × 7 on 8 pictures of 112 × 112, and that is the least part."""
    stem = 2 * 64 * 3 * 49 * 8 * 112**2 / 1e9
    assert 10 * stem < summarise("slow").gflops < 100 * stem
