"""The engine: calls run on Dask workers, a bounded number at a time. The only module that imports Dask.

A call is any picklable function without arguments; it names one abstract resource (NET, CPU or GPU) that its worker
must offer. What comes back is the call's value, or the `Failure` for an exception or a worker that died.
"""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed

from pipeline.config import EngineConfig
from pipeline.errors import Failure, Reason, UserError, from_exception

RESOURCES = ("NET", "CPU", "GPU")

T = TypeVar("T")


class Engine:
    """Runs calls on the workers of one Dask client."""

    def __init__(self, client: Client, in_flight: int) -> None:
        self._client = client
        self._in_flight = in_flight

    def run(
        self, tasks: Iterable[T], call: Callable[[T], Callable[[], Any]], resource: str
    ) -> Iterator[tuple[T, Any | Failure]]:
        """Yields (task, result) as they finish. At most `in_flight` calls per worker are with the scheduler, so
        memory does not grow with the number of tasks."""
        workers = self._offering(resource)
        remaining = iter(tasks)
        waiting: dict[Any, T] = {}
        finished = as_completed()

        def submit(task: T) -> None:
            future = self._client.submit(call(task), pure=False, resources={resource: 1})
            waiting[future] = task
            finished.add(future)

        for _, task in zip(range(workers * self._in_flight), remaining, strict=False):
            submit(task)
        while waiting:
            future = next(finished)
            yield waiting.pop(future), _result(future)
            for task in remaining:
                submit(task)
                break

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
        with dask.config.set({"distributed.scheduler.allowed-failures": 2}), warnings.catch_warnings():
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


def _result(future: Any) -> Any | Failure:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KilledWorker):
        return Failure(Reason.KILLED, "the worker died three times with this item")
    return from_exception(error)
