"""The engine: calls run on Dask workers, a bounded number at a time. The only module that imports Dask.

A call is any picklable function without arguments; it names one abstract resource (NET, CPU or GPU) that its worker
must offer. What comes back is the call's value, or the `Failure` for an exception or a worker that died.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import dask
from dask.utils import parse_bytes
from distributed import Client, KilledWorker, Nanny, Scheduler, SpecCluster, as_completed

from pipeline.config import EngineConfig
from pipeline.errors import Failure, Reason, UserError, from_exception

RESOURCES = ("NET", "CPU", "GPU")

T = TypeVar("T")


BATCH_S = 0.25
"""Calls shorter than this go to a worker several at a time: the scheduler's own cost is 1 to 2 ms a task."""

LARGEST_BATCH = 64

CONNECT_S = 5
"""Seconds after which a scheduler that does not answer is given up."""

GPU_THREADS = 4
"""Calls at a time on one GPU: while one computes there, the others decode and encode on the CPU."""

DEATHS = 3
"""A call that was on a worker when it died is tried again until this many deaths."""


class Engine:
    """Runs calls on the workers of one Dask client."""

    def __init__(self, client: Client, config: EngineConfig) -> None:
        self._client = client
        self._in_flight = config.in_flight
        self._patience_s = config.patience_s

    @property
    def dashboard(self) -> str:
        """Address of Dask's page, which shows workers, tasks and memory while they run."""
        return str(self._client.dashboard_link)

    def run(
        self, tasks: Iterable[T], call: Callable[[T], Callable[[], Any]], resource: str
    ) -> Iterator[tuple[T, Any | Failure, float]]:
        """Yields (task, result, seconds on the worker) as they finish; as `run_together` with one resource."""
        return self.run_together({resource: tasks}, call)

    def run_together(
        self, tasks: Mapping[str, Iterable[T]], call: Callable[[T], Callable[[], Any]]
    ) -> Iterator[tuple[T, Any | Failure, float]]:
        """Yields (task, result, seconds on the worker) as they finish; `tasks` are by the resource that they need.

        At most `in_flight` batches per worker are with the scheduler, so memory does not grow with the number of
        tasks. When a worker dies, all that it held is suspect; suspects are run again at the end, each alone, so that
        only the guilty one fails, at the third death.
        """
        suspects: list[tuple[_Lane[T], _Work[T]]] = []
        waiting: dict[Any, tuple[_Lane[T], list[_Work[T]]]] = {}
        finished = as_completed()

        def submit(lane: _Lane[T], batch: list[_Work[T]]) -> None:
            if batch:
                calls = [call(work.task) for work in batch]
                needs = {lane.resource: 1}
                future = self._client.submit(_run_batch, calls, self._patience_s, pure=False, resources=needs)
                waiting[future] = lane, batch
                finished.add(future)

        for resource, remaining in tasks.items():
            lane = _Lane(resource, (_Work(task) for task in remaining), _Pace())
            for _ in range(self._offering(resource) * self._in_flight):
                submit(lane, list(islice(lane.remaining, 1)))
        while waiting:
            future = next(finished)
            lane, batch = waiting.pop(future)
            error = _error(future)
            if isinstance(error, KilledWorker):
                for work in batch:
                    work.deaths += 1
                    if work.deaths == DEATHS:
                        yield work.task, Failure(Reason.KILLED, f"killed its worker {DEATHS} times"), 0.0
                    else:
                        suspects.append((lane, work))
            else:
                for work, (result, seconds) in zip(batch, _results(future, error, len(batch)), strict=True):
                    lane.pace.note(seconds)
                    yield work.task, result, seconds
            submit(lane, list(islice(lane.remaining, lane.pace.batch())))
            if not waiting and suspects:
                lane, work = suspects.pop()
                submit(lane, [work])

    def offers(self, resource: str) -> bool:
        """Whether a worker has the resource now."""
        return self._count(resource) > 0

    def calls(self, resource: str) -> Calls[Any]:
        """For calls whose caller decides when each goes out."""
        return Calls(self._client, resource, self._offering(resource), self._patience_s)

    def _offering(self, resource: str) -> int:
        if not (offering := self._count(resource)):
            raise UserError(
                f"no Dask worker offers {resource}: start workers with --resources 'NET=1 CPU=1' (GPU=1 with a GPU)"
            )
        return offering

    def _count(self, resource: str) -> int:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return int(sum(worker["resources"].get(resource, 0) for worker in workers))


class Calls(Generic[T]):
    """Calls that are out, sent one at a time and collected as they come back."""

    def __init__(self, client: Client, resource: str, workers: int, patience_s: float) -> None:
        self.workers = workers
        self._patience_s = patience_s
        self._client = client
        self._resource = resource
        self._out: dict[Any, tuple[_Work[T], Callable[[], Any]]] = {}
        self._back: SimpleQueue[Any] = SimpleQueue()

    def __len__(self) -> int:
        return len(self._out)

    def send(self, task: T, call: Callable[[], Any]) -> None:
        """Hands a call to a worker. It starts at once while no more than `workers` are out."""
        self._submit(_Work(task), call)

    def next(self, timeout_s: float) -> tuple[T, Any | Failure, float] | None:
        """The next (task, result, seconds on the worker), or None when nothing comes back in time."""
        while True:
            try:
                future = self._back.get(timeout=None if timeout_s == math.inf else timeout_s)
            except Empty:
                return None
            work, call = self._out.pop(future)
            error = _error(future)
            if not isinstance(error, KilledWorker):
                result, seconds = _results(future, error, 1)[0]
                return work.task, result, seconds
            work.deaths += 1
            if work.deaths == DEATHS:
                return work.task, Failure(Reason.KILLED, f"killed its worker {DEATHS} times"), 0.0
            self._submit(work, call)

    def _submit(self, work: _Work[T], call: Callable[[], Any]) -> None:
        future = self._client.submit(_run_batch, [call], self._patience_s, pure=False, resources={self._resource: 1})
        self._out[future] = work, call
        future.add_done_callback(self._back.put)


@contextmanager
def engine(config: EngineConfig, scheduler: str, workers: int) -> Iterator[Engine]:
    """Workers to run on: `scheduler` is empty for a local cluster with one process a worker and one for each GPU,
    "slurm" for jobs of that many workers, or the address of a running scheduler, like tcp://host:8786."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    _check(config, scheduler)
    if scheduler not in ("", "slurm"):
        try:
            client = Client(scheduler, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise UserError(f"no Dask scheduler answers at {scheduler} ({error})") from None
        with client:
            yield Engine(client, config)
        return
    with _started(config, scheduler, workers) as cluster, Client(cluster) as client:
        if scheduler == "slurm":
            client.wait_for_workers(1)
        yield Engine(client, config)


def _check(config: EngineConfig, scheduler: str) -> None:
    try:
        parse_bytes(config.memory_limit)
    except ValueError as error:
        raise UserError(f"engine.memory_limit: {error}; write it like 4GiB") from None
    if scheduler == "slurm" and shutil.which("sbatch") is None:
        raise UserError("SCHEDULER=slurm: there is no sbatch on this machine; run it on a login node of the cluster")


@contextmanager
def _started(config: EngineConfig, scheduler: str, workers: int) -> Iterator[SpecCluster]:
    # Workers inherit an ignored SIGINT: Ctrl-C reaches the driver alone, which then closes them in order.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with dask.config.set({"distributed.scheduler.allowed-failures": 0}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if scheduler == "slurm":
                cluster = slurm_cluster(config)
                cluster.scale(workers)
            else:
                cluster = _local_cluster(config, workers)
    finally:
        signal.signal(signal.SIGINT, previous)
    with cluster:
        yield cluster


def _local_cluster(config: EngineConfig, workers: int) -> SpecCluster:
    options = {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}
    try:
        return SpecCluster(
            workers=worker_spec(config, workers, count_gpus()),
            scheduler={"cls": Scheduler, "options": options},
            silence_logs=logging.CRITICAL,
        )
    except RuntimeError as error:
        raise UserError(f"a worker died while the workers started ({error}); run the same command again") from None


def worker_spec(config: EngineConfig, workers: int, gpus: int) -> dict[str, Any]:
    """The processes of a local cluster: `workers` for downloads and CPU work, and one for each GPU, which sees
    that GPU alone and runs GPU_THREADS calls at a time."""
    options = {"nthreads": 1, "memory_limit": config.memory_limit, "silence_logs": logging.CRITICAL, "dashboard": False}
    spec: dict[str, Any] = {
        f"cpu-{number}": {"cls": Nanny, "options": options | {"resources": {"NET": 1, "CPU": 1}}}
        for number in range(workers)
    }
    for number in range(gpus):
        own = {
            "resources": {"GPU": GPU_THREADS},
            "nthreads": GPU_THREADS,
            "memory_limit": GPU_THREADS * parse_bytes(config.memory_limit),
            "env": {"CUDA_VISIBLE_DEVICES": str(number)},
        }
        spec[f"gpu-{number}"] = {"cls": Nanny, "options": options | own}
    return spec


def count_gpus() -> int:
    """How many NVIDIA GPUs the driver lists; 0 without a driver, or with a build of torch that cannot use them."""
    if shutil.which("nvidia-smi") is None or version("torch").endswith("+cpu"):
        return 0
    listing = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return listing.stdout.count("GPU ") if listing.returncode == 0 else 0


def slurm_cluster(config: EngineConfig) -> Any:
    """Jobs of `slurm_cores` workers each; `job_script()` shows what is submitted."""
    from dask_jobqueue import SLURMCluster  # takes a second, and only Slurm users need it

    return SLURMCluster(
        queue=config.slurm_partition or None,
        account=config.slurm_account or None,
        cores=config.slurm_cores,
        processes=config.slurm_cores,
        memory=f"{config.slurm_cores * parse_bytes(config.memory_limit)}B",
        walltime=config.slurm_walltime,
        job_extra_directives=list(config.slurm_extra),
        scheduler_options={"dashboard_address": ":0"},
        worker_extra_args=["--resources", "NET=1,CPU=1" + (",GPU=1" if "gpu" in str(config.slurm_extra) else "")],
    )


@dataclass
class _Work(Generic[T]):
    """A task and how many workers died while they held it."""

    task: T
    deaths: int = 0


@dataclass
class _Lane(Generic[T]):
    """The tasks that are left for one resource."""

    resource: str
    remaining: Iterator[_Work[T]]
    pace: _Pace


class _Pace:
    """How many calls make a batch, from how long the last ones took."""

    def __init__(self) -> None:
        self._mean = BATCH_S

    def note(self, seconds: float) -> None:
        self._mean = 0.9 * self._mean + 0.1 * seconds

    def batch(self) -> int:
        return max(1, min(LARGEST_BATCH, int(BATCH_S / max(self._mean, 1e-6))))


def _run_batch(calls: list[Callable[[], Any]], patience_s: float) -> list[tuple[Any | Failure, float]]:
    """On the worker: each call's value, or the failure for what it raised, and its seconds.

    A call that hangs takes its worker with it, which is then counted like any other death.
    """
    results: list[tuple[Any | Failure, float]] = []
    for call in calls:
        start = time.perf_counter()
        watchdog = threading.Timer(patience_s, os._exit, [1])
        watchdog.daemon = True
        watchdog.start()
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - the boundary where any bug of a stage becomes a value
            result = from_exception(error)
        finally:
            watchdog.cancel()
        results.append((result, time.perf_counter() - start))
    return results


def _error(future: Any) -> BaseException | None:
    """What a call's future ended with, None for a value. Raises UserError when the scheduler is gone."""
    if future.cancelled():
        raise UserError("the Dask scheduler was lost; start one again and run the same command")
    error: BaseException | None = future.exception()
    return error


def _results(future: Any, error: BaseException | None, count: int) -> list[tuple[Any | Failure, float]]:
    if error is None:
        results: list[tuple[Any | Failure, float]] = future.result()
        return results
    return [(from_exception(error), 0.0)] * count
