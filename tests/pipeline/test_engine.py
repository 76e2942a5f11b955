"""The engine on a real local cluster: results, exceptions, dying workers, a full disk, all as values in the ledger."""

from __future__ import annotations

import errno
import functools
import operator
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from distributed import Client

from pipeline.cluster import Engine, count_gpus, engine, slurm_cluster
from pipeline.config import EngineConfig
from pipeline.errors import Failure, Reason, UserError
from pipeline.ledger import Ledger
from pipeline.records import Attempt, Video
from pipeline.run import Plan, Task, run

T = TypeVar("T")

VIDEO = Video("v", "videos/v.mp4", "0" * 64, 1, 64, 48, 20.0, 3.0)


@pytest.fixture(scope="module")
def running() -> Iterator[Engine]:
    with engine(EngineConfig(in_flight=2), scheduler="", workers=2) as started:
        yield started


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    book = Ledger(tmp_path / "ledger.sqlite")
    yield book
    book.close()


def outcomes(engine: Engine, tasks: Iterable[T], call: Callable[[T], Callable[[], Any]]) -> dict[T, Any]:
    return {task: result for task, result, _ in engine.run(tasks, call, "CPU")}


def test_every_task_comes_back_once(running: Engine) -> None:
    results = outcomes(running, range(500), lambda n: functools.partial(operator.mul, n, n))
    assert results == {n: n * n for n in range(500)}


def test_an_exception_is_a_failure_and_the_rest_goes_on(running: Engine) -> None:
    results = outcomes(running, [0, 1, 2], lambda n: functools.partial(operator.floordiv, 2, n))
    assert results[1] == 2 and results[2] == 1
    assert results[0].reason == Reason.BUG and "ZeroDivisionError" in results[0].detail


def test_a_task_that_kills_its_worker_is_a_failure(running: Engine) -> None:
    deadly = 150  # by then calls are so short that they travel in batches
    results = outcomes(
        running, range(200), lambda n: functools.partial(os._exit, 1) if n == deadly else functools.partial(int, n)
    )
    assert results.pop(deadly).reason == Reason.KILLED
    assert results == {n: n for n in range(200) if n != deadly}


def test_a_call_that_hangs_loses_its_worker_and_is_a_failure() -> None:
    with engine(EngineConfig(patience_s=1.0), scheduler="", workers=2) as impatient:
        results = outcomes(impatient, range(6), lambda n: functools.partial(time.sleep, 60 if n == 3 else 0.1))
    assert results.pop(3).reason == Reason.KILLED
    assert results == dict.fromkeys([0, 1, 2, 4, 5])


def test_a_call_that_takes_all_memory_loses_its_worker_and_is_a_failure() -> None:
    with engine(EngineConfig(memory_limit="400MiB"), scheduler="", workers=2) as small:
        results = outcomes(small, range(6), lambda n: functools.partial(hold, 600 if n == 3 else 1))
    failure = results.pop(3)
    assert failure.reason == Reason.KILLED, failure
    assert results == dict.fromkeys([0, 1, 2, 4, 5], 2**20)


def hold(mebibytes: int) -> int:
    """Fills that much memory, and keeps what is too much long enough to be noticed."""
    held = [bytes([1]) * 2**20 for _ in range(mebibytes)]
    time.sleep(20 if mebibytes > 1 else 0)
    return len(held[0])


def test_a_lost_scheduler_ends_the_run_in_words() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    place = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
    scheduler = dask_process("scheduler", *place)
    worker = dask_process("worker", address, "--nthreads", "1", "--resources", "NET=1 CPU=1", "--no-dashboard")
    try:
        with Client(address, timeout=20) as waiting:
            waiting.wait_for_workers(1, timeout=20)
        with engine(EngineConfig(), scheduler=address, workers=1) as joined:
            finished = joined.run(range(50), lambda n: functools.partial(time.sleep, 0.2), "CPU")
            assert next(finished)[1] is None
            scheduler.kill()
            with pytest.raises(UserError, match="the Dask scheduler was lost"):
                list(finished)
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def dask_process(kind: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_resource_that_no_worker_offers_is_said(running: Engine) -> None:
    with pytest.raises(UserError, match="no Dask worker offers GPU"):
        list(running.run([1], lambda n: functools.partial(int, n), "GPU"))


def test_an_address_without_a_scheduler_is_said() -> None:
    with (
        pytest.raises(UserError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"),
        engine(EngineConfig(), scheduler="tcp://127.0.0.1:1", workers=1),
    ):
        pass


def test_each_gpu_has_a_worker_that_sees_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\necho 'GPU 0: One (UUID: a)'\necho 'GPU 1: Another (UUID: b)'\n")
    listing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("pipeline.cluster.version", lambda _: "2.13.0+cpu")
    assert count_gpus() == 0
    monkeypatch.setattr("pipeline.cluster.version", lambda _: "2.13.0")
    look = functools.partial(os.getenv, "CUDA_VISIBLE_DEVICES", "all")
    with engine(EngineConfig(in_flight=1), scheduler="", workers=1) as started:
        assert started.offers("GPU") and not started.offers("TPU")
        tasks = {"GPU": range(16), "CPU": range(100, 116)}
        seen = {task: result for task, result, _ in started.run_together(tasks, lambda _: look)}
    assert {seen[task] for task in tasks["GPU"]} == {"0", "1"}
    assert {seen[task] for task in tasks["CPU"]} == {"all"}


def test_a_slurm_job_asks_for_what_the_configuration_says() -> None:
    asked = EngineConfig(
        slurm_partition="video", slurm_account="lab", slurm_cores=8, memory_limit="2GiB", slurm_extra=("--gres=gpu:1",)
    )
    cluster = slurm_cluster(asked)
    script = cluster.job_script()
    cluster.close()
    for line in ("-p video", "-A lab", "--cpus-per-task=8", "--mem=16G", "-t 08:00:00", "--gres=gpu:1"):
        assert f"#SBATCH {line}" in script
    assert "--nworkers 8" in script and "--resources NET=1,CPU=1,GPU=1" in script


def test_results_reach_the_ledger(running: Engine, ledger: Ledger) -> None:
    gone = Failure(Reason.PRIVATE, "Private video")
    tasks = [
        Task({("fetch", "a"): "w1"}, functools.partial(dict, [(("fetch", "a"), VIDEO)])),
        Task({("fetch", "b"): "w2"}, functools.partial(dict, [(("fetch", "b"), gone)])),
        Task({("fetch", "c"): "w3"}, functools.partial(operator.truediv, 1, 0)),
    ]
    run("test", tasks, running, ledger, "videos")
    latest = ledger.latest("fetch")
    assert latest["a"].record == VIDEO.__dict__
    assert (latest["b"].reason, latest["b"].message) == ("gone/private", "Private video")
    assert latest["c"].reason == "ours/bug"


def test_a_full_disk_stops_the_run(running: Engine, ledger: Ledger) -> None:
    full = functools.partial(os.open, "/dev/full-and-gone", os.O_RDONLY)  # FileNotFoundError: a bug, not a full disk
    run("test", [Task({("cut", "a"): "w"}, full)], running, ledger, "clips")
    assert ledger.latest("cut")["a"].reason == "ours/bug"
    no_space = functools.partial(dict, [(("cut", "b"), Failure(Reason.OUT_OF_DISK, os.strerror(errno.ENOSPC)))])
    with pytest.raises(UserError, match="no space left"):
        run("test", [Task({("cut", "b"): "w"}, no_space)], running, ledger, "clips")
    assert ledger.latest("cut")["b"].reason == "ours/out-of-disk"


def attempt(reason: str, work: str = "w") -> Attempt:
    record = {"path": "there"} if not reason else None
    return Attempt("cut", "i", work, reason, "words", record, 0.0, 0.0)


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (None, "ready"),
        (attempt(""), "done"),
        (attempt("", work="another"), "ready"),
        (attempt("gone/private"), "failed"),
        (attempt("gone/private", work="another"), "ready"),
        (attempt("blocked/rate-limited"), "ready"),
        (attempt("ours/killed"), "ready"),
    ],
)
def test_an_item_is_in_exactly_one_state(tmp_path: Path, last: Attempt | None, state: str) -> None:
    (tmp_path / "there").touch()
    plan = Plan("cut")
    plan.sort("i", "w", last, tmp_path)
    assert dict.fromkeys(getattr(plan, state), True) == {"i": True}
    assert plan.inputs == 1 == len(plan.done) + len(plan.failed) + plan.left


def test_a_finished_item_whose_file_is_gone_is_done_again(tmp_path: Path) -> None:
    plan = Plan("cut")
    plan.sort("i", "w", attempt(""), tmp_path)
    assert plan.ready == {"i": "w"}
