"""The engine: calls run on Dask workers, a bounded number at a time. The only module that imports Dask.

A call is any picklable function without arguments; it names one abstract resource (NET, CPU or GPU) that its worker
must offer. What comes back is the call's value, or the `Failure` for an exception or a worker that died.
"""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed

from pipeline.config import EngineConfig
from pipeline.errors import Failure, Reason, UserError, from_exception

RESOURCES = ("NET", "CPU", "GPU")

T = TypeVar("T")


BATCH_S = 0.25
"""Calls shorter than this go to a worker several at a time: the scheduler's own cost is 1 to 2 ms a task."""

LARGEST_BATCH = 64

DEATHS = 3
"""A call that was on a worker when it died is tried again until this many deaths."""


class Engine:
    """Runs calls on the workers of one Dask client."""

    def __init__(self, client: Client, in_flight: int) -> None:
        self._client = client
        self._in_flight = in_flight

    def run(
        self, tasks: Iterable[T], call: Callable[[T], Callable[[], Any]], resource: str
    ) -> Iterator[tuple[T, Any | Failure, float]]:
        """Yields (task, result, seconds on the worker) as they finish.

        At most `in_flight` batches per worker are with the scheduler, so memory does not grow with the number of
        tasks. When a worker dies, all that it held is suspect; suspects are run again at the end, each alone, so that
        only the guilty one fails, at the third death.
        """
        remaining = (_Work(task) for task in tasks)
        suspects: list[_Work[T]] = []
        waiting: dict[Any, list[_Work[T]]] = {}
        finished = as_completed()
        pace = _Pace()

        def submit(batch: list[_Work[T]]) -> None:
            if batch:
                calls = [call(work.task) for work in batch]
                future = self._client.submit(_run_batch, calls, pure=False, resources={resource: 1})
                waiting[future] = batch
                finished.add(future)

        for _ in range(self._offering(resource) * self._in_flight):
            submit(list(islice(remaining, 1)))
        while waiting:
            future = next(finished)
            batch = waiting.pop(future)
            error = future.exception()
            if isinstance(error, KilledWorker):
                for work in batch:
                    work.deaths += 1
                    if work.deaths == DEATHS:
                        yield work.task, Failure(Reason.KILLED, f"killed its worker {DEATHS} times"), 0.0
                    else:
                        suspects.append(work)
            else:
                for work, (result, seconds) in zip(batch, _results(future, error, len(batch)), strict=True):
                    pace.note(seconds)
                    yield work.task, result, seconds
            submit(list(islice(remaining, pace.batch())))
            if not waiting and suspects:
                submit([suspects.pop()])

    def _offering(self, resource: str) -> int:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        offering = sum(1 for worker in workers if worker["resources"].get(resource))
        if not offering:
            raise UserError(
                f"no Dask worker offers {resource}: start workers with --resources 'NET=1 CPU=1' (GPU=1 with a GPU)"
            )
        return offering


@contextmanager
def engine(config: EngineConfig, scheduler: str, workers: int) -> Iterator[Engine]:
    """A local cluster of `workers` processes, or the running one at `scheduler` (an address like tcp://host:8786)."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if scheduler:
        try:
            client = Client(scheduler, timeout="10s")
        except (OSError, ValueError) as error:
            raise UserError(f"no Dask scheduler answers at {scheduler} ({error})") from None
        with client:
            yield Engine(client, config.in_flight)
        return
    with _local_cluster(config, workers) as cluster, Client(cluster) as client:
        yield Engine(client, config.in_flight)


@contextmanager
def _local_cluster(config: EngineConfig, workers: int) -> Iterator[LocalCluster]:
    # Workers inherit an ignored SIGINT: Ctrl-C reaches the driver alone, which then closes them in order.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with dask.config.set({"distributed.scheduler.allowed-failures": 0}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=config.memory_limit,
                resources={"NET": 1, "CPU": 1},
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
    finally:
        signal.signal(signal.SIGINT, previous)
    with cluster:
        yield cluster


@dataclass
class _Work(Generic[T]):
    """A task and how many workers died while they held it."""

    task: T
    deaths: int = 0


class _Pace:
    """How many calls make a batch, from how long the last ones took."""

    def __init__(self) -> None:
        self._mean = BATCH_S

    def note(self, seconds: float) -> None:
        self._mean = 0.9 * self._mean + 0.1 * seconds

    def batch(self) -> int:
        return max(1, min(LARGEST_BATCH, int(BATCH_S / max(self._mean, 1e-6))))


def _run_batch(calls: list[Callable[[], Any]]) -> list[tuple[Any | Failure, float]]:
    """On the worker: each call's value, or the failure for what it raised, and its seconds."""
    results: list[tuple[Any | Failure, float]] = []
    for call in calls:
        start = time.perf_counter()
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - the boundary where any bug of a stage becomes a value
            result = from_exception(error)
        results.append((result, time.perf_counter() - start))
    return results


def _results(future: Any, error: BaseException | None, count: int) -> list[tuple[Any | Failure, float]]:
    if error is None:
        results: list[tuple[Any | Failure, float]] = future.result()
        return results
    return [(from_exception(error), 0.0)] * count
