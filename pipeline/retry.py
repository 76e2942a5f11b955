"""Retry: failed items whose reason may have passed are put back, by an attempt added to their history."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from pipeline.errors import Reason, UserError
from pipeline.ledger import Ledger
from pipeline.run import Plan


def reasons(wanted: str) -> frozenset[Reason]:
    """The reasons that a person means by one, like gone/private, or by a branch, like gone. Raises UserError."""
    if not wanted:
        raise UserError("say which failures to put back: REASON=gone/private, or REASON=gone; `make status` lists them")
    found = frozenset(reason for reason in Reason if wanted in (reason.value, reason.branch))
    if not found:
        branches = dict.fromkeys(reason.branch for reason in Reason)
        known = [*branches, *(reason.value for reason in Reason)]
        raise UserError(f"unknown reason {wanted!r}; known: {', '.join(known)}")
    return found


def put_back(wanted: str, plans: Iterable[Plan], ledger: Ledger) -> str:
    """Makes the failed items with a reason ready again, each in the stage where it failed; says so in one line.

    What failed only because an earlier stage did comes back with that one. What may pass by itself is left anyway.
    """
    chosen = reasons(wanted)
    counts: dict[str, int] = {}
    waiting = 0
    for plan in plans:
        latest = {item: a for item, a in ledger.latest(plan.stage).items() if not a.done and Reason(a.reason) in chosen}
        back = [attempt for item, attempt in latest.items() if item in plan.failed]
        waiting += sum(item in plan.ready for item in latest)
        # Work that no digest equals: the plan finds that what is to be done has not been tried.
        ledger.append(replace(attempt, work="", finished=time.time(), seconds=0.0) for attempt in back)
        if back:
            counts[plan.stage] = len(back)
    stages = f" ({', '.join(f'{stage} {count}' for stage, count in counts.items())})" if counts else ""
    also = f"; {waiting} more are left and will be tried anyway" if waiting else ""
    return f"retry {wanted}: {sum(counts.values())} items put back{stages}{also}"
