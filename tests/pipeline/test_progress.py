"""The bar of long work: its rate, also where one item takes longer than a bar usually remembers."""

from __future__ import annotations

import io

from rich.console import Console

from pipeline.progress import bar


def test_the_rate_is_since_the_start_and_slow_items_have_a_time_left() -> None:
    now = [0.0]
    words = io.StringIO()
    console = Console(file=words, force_terminal=True, width=120, get_time=lambda: now[0])
    with bar("extract flow", 400, "pairs", console) as progress:
        for _ in range(3):
            now[0] += 50
            progress.advance(100, failed=1)
    assert "300/400" in words.getvalue() and "2.0 pairs/s" in words.getvalue() and "3 failed" in words.getvalue()
    assert "0:00:50" in words.getvalue().rsplit("left", 1)[1], "a hundred pairs more at that rate"
