"""What a person sees while long work runs: a bar with count, rate, time left and failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeft
from rich.text import Text

PERIOD_S = 600
"""The time left is judged by what was done in as many seconds: a clip's flow may take a minute."""


class Rate(ProgressColumn):
    """Items per second since the start."""

    def render(self, task: Task) -> Text:
        if not task.completed or not task.elapsed:
            return Text()
        speed = task.completed / task.elapsed
        number = f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"
        return Text(f"{number} {task.fields['unit']}/s", style="cyan", no_wrap=True)


class Failed(ProgressColumn):
    """How many failed, once any did."""

    def render(self, task: Task) -> Text:
        failed = task.fields.get("failed", 0)
        return Text(f"{failed} failed" if failed else "", style="red")


class Bar:
    """One bar; `advance` moves it, and counts what failed."""

    def __init__(self, progress: Progress, task: int) -> None:
        self._progress = progress
        self._task = task
        self._failed = 0

    def advance(self, amount: int = 1, failed: int = 0) -> None:
        self._failed += failed
        self._progress.update(self._task, advance=amount, failed=self._failed)  # type: ignore[arg-type]


@contextmanager
def bar(title: str, total: int | None, unit: str, console: Console | None = None) -> Iterator[Bar]:
    """A bar on the terminal (one line at the end where the output is no terminal); `total` is None if not known."""
    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeLeft(),
        Failed(),
    )
    with Progress(*columns, console=console, speed_estimate_period=PERIOD_S) as progress:
        yield Bar(progress, progress.add_task(title, total=total, unit=unit, failed=0))
