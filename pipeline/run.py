"""What is left to do → the engine → the ledger.

A goal is (stage, item). A `Task` is one call that reaches one or several goals, each with the digest of the work. A
stage's `Plan` sorts all its inputs into done, failed, and left (ready to run, or waiting for an earlier stage), so
that inputs = done + failed + left holds by construction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cluster import Engine
from pipeline.errors import Failure, Reason, UserError
from pipeline.ledger import Ledger
from pipeline.progress import bar
from pipeline.records import Attempt, as_dict

Goal = tuple[str, str]
"""(stage, item)."""

Call = Callable[[], dict[Goal, Any]]
"""Reaches its goals: a record or a Failure for each."""


@dataclass(frozen=True)
class Task:
    works: dict[Goal, str]
    call: Call


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


def run(title: str, tasks: list[Task], resource: str, engine: Engine, ledger: Ledger, unit: str) -> None:
    """Runs tasks to the end, each result in the ledger as it comes. A full disk stops the run: UserError."""
    goals = sum(len(task.works) for task in tasks)
    if not goals:
        return
    with bar(title, goals, unit) as progress:
        for task, outcome, seconds in engine.run(tasks, lambda task: task.call, resource):
            attempts = _attempts(task, outcome, seconds)
            ledger.append(attempts)
            progress.advance(len(attempts), failed=sum(not attempt.done for attempt in attempts))
            full = next((a for a in attempts if a.reason == Reason.OUT_OF_DISK), None)
            if full is not None:
                raise UserError(
                    f"{title}: no space left on the disk ({full.message}); free some and run the same command again"
                )


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
