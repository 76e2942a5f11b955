"""The engine's own cost: no-op clips through plan, cluster and ledger. Prints items per second and the driver's memory.

python -m tests.bench.engine [items]
"""

from __future__ import annotations

import functools
import resource
import sys
import tempfile
import time
from pathlib import Path

from pipeline.cluster import engine
from pipeline.config import EngineConfig
from pipeline.ledger import Ledger
from pipeline.records import Payload, digest
from pipeline.run import Plan, Task, run


def main(items: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "payload").touch()
        ledger = Ledger(work / "ledger.sqlite")
        with engine(EngineConfig(), scheduler="", workers=2) as running:
            start = time.perf_counter()
            run("no-op", _tasks(_plan(items, ledger, work)), running, ledger, "clips")
            seconds = time.perf_counter() - start
        after = _plan(items, ledger, work)
        ledger.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{items} no-op clips: {items / seconds:.0f} items/s, {memory:.0f} MiB in the driver")
    print(f"inputs {after.inputs} = {len(after.done)} done + {len(after.failed)} failed + {after.left} left")


def _plan(items: int, ledger: Ledger, work: Path) -> Plan:
    latest = ledger.latest("noop")
    plan = Plan("noop")
    for number in range(items):
        plan.sort(f"clip-{number:06d}", digest("noop", number), latest.get(f"clip-{number:06d}"), work)
    return plan


def _tasks(plan: Plan) -> list[Task]:
    return [
        Task({("noop", item): work}, functools.partial(dict, [(("noop", item), _payload(item))]))
        for item, work in plan.ready.items()
    ]


def _payload(item: str) -> Payload:
    return Payload(item, "noop", "payload", "0" * 64, 1, 1, 1, 1, 1.0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
