from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from training import display


def test_the_bar_shows_steps_loss_rate_waiting_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by hand: of each second's step on five clips a quarter is spent waiting for them."""
    now = [0.0]
    monkeypatch.setattr(display.time, "perf_counter", lambda: now[0])
    clock, shown = display.Clock(), io.StringIO()

    def batches() -> object:
        for number in range(4):
            now[0] += 0.25
            yield number

    console = Console(file=shown, force_terminal=True, width=120, color_system=None)
    with display.display("run", 6, 20, clock, console) as bar:
        for _ in clock.timed(batches()):
            now[0] += 0.75
            clock.clips += 5
            bar.step(0.125)
        bar.say("epoch 1")
    text = shown.getvalue()
    assert "epoch 1" in text
    assert re.search(r"run .* 10/20 5 clips/s  loss 0\.125  data wait 25% left \d\d:\d\d", text), text
