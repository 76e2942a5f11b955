"""What a person sees during training: a bar with rate, loss, time left and the share of time without data."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


class Clock:
    """Seconds since the start, how many of them `timed` waited for the next item, and clips trained on since."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.waited = 0.0
        self.clips = 0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @property
    def rate(self) -> float:
        """Clips a second, over all devices."""
        return self.clips / max(self.seconds, 1e-9)

    @property
    def waiting(self) -> float:
        """Share of the time that was spent waiting, 0..1."""
        return self.waited / max(self.seconds, 1e-9)

    def timed(self, items: Iterable[T]) -> Iterator[T]:
        """The same items, measuring how long each took to come."""
        iterator = iter(items)
        while True:
            before = time.perf_counter()
            item = next(iterator, None)
            self.waited += time.perf_counter() - before
            if item is None:
                return
            yield item


class Display:
    """The bar of one run."""

    def __init__(self, progress: Progress, task: TaskID, clock: Clock) -> None:
        self._progress, self._task, self._clock = progress, task, clock

    def step(self, loss: float) -> None:
        """One step is done."""
        words = f"{self._clock.rate:.0f} clips/s  loss {loss:.3f}  data wait {self._clock.waiting:.0%}"
        self._progress.update(self._task, advance=1, words=words)

    def say(self, words: str) -> None:
        """A line that stays, above the bar."""
        self._progress.console.print(words, highlight=False, markup=False)


@contextmanager
def display(title: str, done: int, total: int, clock: Clock, console: Console) -> Iterator[Display]:
    """A bar over the steps of a run, `done` of which were there before."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}", style="cyan"),
        TextColumn("left"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        task = progress.add_task(title, total=total, completed=done, words="")
        yield Display(progress, task, clock)
