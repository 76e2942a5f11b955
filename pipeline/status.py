"""What has been done and what has not: stage × state × reason with counts and examples, on a terminal or a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.files import write_text
from pipeline.ledger import Ledger
from pipeline.run import Plan

EXAMPLES = 3
"""Items shown for each reason on the page."""


@dataclass(frozen=True)
class Account:
    """One stage: inputs = done + failed + left; `reasons` maps a reason to (item, message) of all that ended so.

    `seconds` is the mean work of a finished item, None before the first.
    """

    stage: str
    inputs: int
    done: int
    failed: int
    left: int
    reasons: dict[str, list[tuple[str, str]]]
    seconds: float | None


def account(plan: Plan, ledger: Ledger) -> Account:
    """The account of a stage; an item that will be tried again is left, and its last reason is shown too."""
    reasons: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for item, failure in plan.failed.items():
        reasons[failure.reason].append((item, failure.detail))
    latest = ledger.latest(plan.stage)
    for item in plan.ready:
        if item in latest and latest[item].reason:
            reasons[f"{latest[item].reason}, to be tried again"].append((item, latest[item].message))
    spent = [attempt.seconds for attempt in plan.done.values()]
    mean = sum(spent) / len(spent) if spent else None
    return Account(
        plan.stage, plan.inputs, len(plan.done), len(plan.failed), plan.left, dict(sorted(reasons.items())), mean
    )


def summary(plan: Plan) -> str:
    """The account of a stage in one line."""
    return f"{plan.stage}: {plan.inputs} inputs = {len(plan.done)} done + {len(plan.failed)} failed + {plan.left} left"


def show(accounts: Sequence[Account], workers: int, console: Console) -> None:
    """Prints one line a stage, then one for each reason of a failure with an example."""
    table = Table(*("stage", "inputs", "done", "failed", "left", "s each", "time left"), box=box.SIMPLE_HEAD)
    for entry in accounts:
        numbers = [str(n) for n in (entry.inputs, entry.done, entry.failed, entry.left)]
        table.add_row(entry.stage, *numbers, _seconds(entry.seconds), time_left(entry, workers))
    console.print(table)
    reasons = Table("stage", "items", "reason", "example", box=box.SIMPLE_HEAD)
    for entry in accounts:
        for reason, items in entry.reasons.items():
            item, message = items[0]
            reasons.add_row(entry.stage, str(len(items)), reason, Text(f"{item}: {message}"))
    if reasons.rows:
        console.print(reasons)


def time_left(entry: Account, workers: int) -> str:
    """Time for what is left at the rate of what is done, with this many workers; empty if nothing tells."""
    if entry.seconds is None or not entry.left:
        return ""
    minutes, seconds = divmod(round(entry.left * entry.seconds / workers), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def write_page(accounts: Sequence[Account], workers: int, path: Path) -> None:
    """The same as one static HTML page."""
    rows = []
    for entry in accounts:
        cells = [entry.stage, entry.inputs, entry.done, entry.failed, entry.left]
        timing = [_seconds(entry.seconds), time_left(entry, workers)]
        rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells + timing) + "</tr>")
        for reason, items in entry.reasons.items():
            examples = "<br>".join(escape(f"{item}: {message}") for item, message in items[:EXAMPLES])
            rows.append(
                f"<tr class=reason><td></td><td colspan=2>{escape(reason)}</td><td>{len(items)}</td>"
                f"<td colspan=3>{examples}</td></tr>"
            )
    write_text(path, PAGE.format(rows="\n".join(rows)))


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>MuscleMap: state of the work</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color-scheme: light dark }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884 }}
.reason td {{ color: #888; font-size: .9em; overflow-wrap: anywhere }}
</style>
<h1>State of the work</h1>
<p>inputs = done + failed + left, in every stage. An input whose earlier stage failed has failed for that reason.</p>
<table><tr><th>stage<th>inputs<th>done<th>failed<th>left<th>seconds each<th>time left</tr>
{rows}
</table></html>
"""
