"""What has been done and what has not: a table of stage × state × reason, with counts and an example of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from pipeline.ledger import Ledger
from pipeline.run import Plan


def summary(plan: Plan) -> str:
    """The account of a stage in one line: inputs = done + failed + left."""
    return f"{plan.stage}: {plan.inputs} inputs = {len(plan.done)} done + {len(plan.failed)} failed + {plan.left} left"


def show(plans: Iterable[Plan], ledger: Ledger, console: Console) -> None:
    """Prints the table: one line a stage, below it one line for each reason with an example."""
    table = Table("stage", "inputs", "done", "failed", "left", "reason", "example", title="state of the work")
    for plan in plans:
        table.add_row(plan.stage, str(plan.inputs), str(len(plan.done)), str(len(plan.failed)), str(plan.left), "", "")
        for reason, examples in sorted(_reasons(plan, ledger).items()):
            item, detail = examples[0]
            table.add_row("", "", "", str(len(examples)), "", reason, f"{item}: {detail}", style="dim")
    console.print(table)


def _reasons(plan: Plan, ledger: Ledger) -> dict[str, list[tuple[str, str]]]:
    reasons: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for item, failure in plan.failed.items():
        reasons[failure.reason].append((item, failure.detail))
    latest = ledger.latest(plan.stage)
    for item in plan.ready:
        if item in latest and latest[item].reason:
            reasons[f"{latest[item].reason} (will be tried again)"].append((item, latest[item].message))
    return reasons
