"""What is left to do → the engine → the ledger.

A goal is (stage, item). A `Task` is one call that reaches one or several goals, each with the digest of the work. A
stage's `Plan` sorts all its inputs into done, failed, and left (ready to run, or waiting for an earlier stage), so
that inputs = done + failed + left holds by construction.
"""

from __future__ import annotations

import functools
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from pipeline.breaker import Breaker
from pipeline.cluster import Engine
from pipeline.config import FetchConfig
from pipeline.errors import Failure, Reason, UserError
from pipeline.ledger import Ledger
from pipeline.progress import bar
from pipeline.records import Attempt, as_dict

R = TypeVar("R")

Goal = tuple[str, str]
"""(stage, item)."""

Call = Callable[..., dict[Goal, Any]]
"""Reaches its goals: a record or a Failure for each. One for `run_politely` takes `turn`, the others nothing."""

TRIED_AGAIN = (Reason.RATE_LIMITED, Reason.BOT_CHECK, Reason.UNREACHABLE)
"""What may pass within a run."""


@dataclass(frozen=True)
class Task:
    works: dict[Goal, str]
    call: Call
    resource: str = "CPU"
    size: int = 0
    """What it counts for on the bar; 0 for one a goal."""

    @property
    def length(self) -> int:
        return self.size or len(self.works)


@dataclass
class Plan:
    """All inputs of one stage, by state. `failed` holds an item's own failure or the one it inherits."""

    stage: str
    done: dict[str, Attempt] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    ready: dict[str, str] = field(default_factory=dict)
    """item → digest of the work to do."""
    waiting: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        return len(self.done) + len(self.failed) + self.left

    @property
    def left(self) -> int:
        return len(self.ready) + len(self.waiting)

    def record(self, item: str, shape: type[R]) -> R:
        """The stage's record of an item that is done."""
        return shape(**(self.done[item].record or {}))

    def sort(self, item: str, work: str, attempt: Attempt | None, folder: Path) -> None:
        """Puts an item whose input is there into done, failed or ready by its last attempt."""
        if attempt is None or attempt.work != work:
            self.ready[item] = work
        elif attempt.done:
            present = (folder / attempt.record["path"]).exists()  # type: ignore[index]
            (self.done.__setitem__(item, attempt) if present else self.ready.__setitem__(item, work))
        elif Reason(attempt.reason).passing:
            self.ready[item] = work
        else:
            self.failed[item] = Failure(Reason(attempt.reason), attempt.message)

    def follow(self, item: str, upstream: Plan, parent: str) -> bool:
        """Puts an item whose input failed or is not there yet where it belongs; False if the input is there."""
        if parent in upstream.done:
            return False
        if parent in upstream.failed:
            self.failed[item] = upstream.failed[parent]
        else:
            self.waiting.append(item)
        return True


def run(title: str, tasks: list[Task], engine: Engine, ledger: Ledger, unit: str) -> None:
    """Runs tasks to the end, each result in the ledger as it comes. A full disk stops the run: UserError."""
    if not tasks:
        return
    lanes: dict[str, list[Task]] = {}
    for task in tasks:
        lanes.setdefault(task.resource, []).append(task)
    with bar(title, sum(task.length for task in tasks), unit) as progress:
        for task, outcome, seconds in engine.run_together(lanes, lambda task: task.call):
            attempts = _note(title, task, outcome, seconds, ledger)
            progress.advance(task.length, failed=sum(not attempt.done for attempt in attempts))


def run_politely(
    title: str, tasks: list[Task], engine: Engine, ledger: Ledger, unit: str, config: FetchConfig, flag: Path
) -> None:
    """Runs tasks that ask a video site, each for one goal: at most `at_once` are out, and none while the site refuses.

    The file `flag` stands while it does, for the calls on the way. A blocked one goes to the end of the queue until
    it has had its `tries`; every attempt is in the ledger. Its call is told as `turn` how many came before. What is
    left when the breaker gives up stays left.
    """
    if not tasks:
        return
    breaker = Breaker(config)
    calls = engine.calls("NET")
    queue = deque(tasks)
    tried: Counter[Goal] = Counter()
    console = Console()
    flag.unlink(missing_ok=True)
    with bar(title, len(tasks), unit, console) as progress:
        while calls or (queue and not breaker.given_up):
            delay = breaker.delay(len(calls)) if queue else math.inf
            if delay == 0 and len(calls) < calls.workers:
                task = queue.popleft()
                goal = next(iter(task.works))
                if breaker.went(goal):
                    flag.unlink(missing_ok=True)
                calls.send(task, functools.partial(task.call, turn=tried[goal]))
            elif back := calls.next(delay or math.inf):
                task, outcome, seconds = back
                goal = next(iter(task.works))
                result = outcome if isinstance(outcome, Failure) else outcome[goal]
                failure = result if isinstance(result, Failure) else None
                if words := breaker.came(goal, failure):
                    console.print(words, highlight=False, soft_wrap=True)
                if breaker.is_open:
                    flag.touch()
                _note(title, task, outcome, seconds, ledger)
                held = failure is not None and failure.reason == Reason.HELD
                tried[goal] += not held
                if held or (failure and failure.reason in TRIED_AGAIN and tried[goal] < config.tries):
                    queue.append(task)
                else:
                    progress.advance(1, failed=int(failure is not None))
    flag.unlink(missing_ok=True)


def _note(title: str, task: Task, outcome: dict[Goal, Any] | Failure, seconds: float, ledger: Ledger) -> list[Attempt]:
    """Puts a task's attempts in the ledger. Raises UserError where one says that the disk is full."""
    attempts = _attempts(task, outcome, seconds)
    ledger.append(attempts)
    full = next((a for a in attempts if a.reason == Reason.OUT_OF_DISK), None)
    if full is not None:
        raise UserError(
            f"{title}: no space left on the disk ({full.message}); free some and run the same command again"
        )
    return attempts


def _attempts(task: Task, outcome: dict[Goal, Any] | Failure, seconds: float) -> list[Attempt]:
    attempts = []
    for goal, work in task.works.items():
        missing = Failure(Reason.BUG, "the stage returned nothing for this item")
        result = outcome if isinstance(outcome, Failure) else outcome.get(goal, missing)
        failure = result if isinstance(result, Failure) else None
        attempts.append(
            Attempt(
                stage=goal[0],
                item=goal[1],
                work=work,
                reason=failure.reason.value if failure else "",
                message=failure.detail if failure else "",
                record=None if failure else as_dict(result),
                finished=time.time(),
                seconds=seconds / len(task.works),
            )
        )
    return attempts
