"""Where the runs of the tables are trained: in processes on the GPUs or cores at hand, or as jobs of Slurm.

A run that is finished is left alone, and one that was stopped goes on, so the same command does what is left.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from pipeline.errors import UserError
from pipeline.progress import bar
from training.reproduce.jobs import Job

POLL_S = 0.2
PATIENCE_S = 10
"""For a process that was asked to stop."""


def command(job: Job, dataset: Path) -> list[str]:
    """What trains the run and predicts with it."""
    python = [sys.executable, "-m"]
    if job.devices > 1:
        python += ["torch.distributed.run", "--standalone", f"--nproc-per-node={job.devices}", "-m"]
    train = ["training", "train", "--config", str(job.config), "--dataset", str(dataset), "--runs", str(job.runs)]
    return [*python, *train, "--name", job.name, "--predict"]


def run_all(jobs: Sequence[Job], dataset: Path, console: Console) -> None:
    """Trains what is left, as many runs at once as there are places for; a failed one does not stop the others.

    Raises UserError with the last words of those that failed.
    """
    waiting = [job for job in jobs if not job.finished]
    running: list[_Child] = []
    failed: dict[str, str] = {}
    free, total, done, shown = places(waiting), sum(job.epochs for job in waiting), 0, 0
    with bar("train", total, "epochs", console) as progress, _stopped_in_the_end(running):
        while waiting or running:
            for job in _startable(waiting, running, failed, len(free)):
                running.append(_start(job, dataset, [free.pop(0) for _ in range(job.devices)]))
                waiting.remove(job)
            time.sleep(POLL_S)
            for child in [child for child in running if child.process.poll() is not None]:
                running.remove(child)
                free += child.places
                done += child.job.epochs
                if child.process.returncode:
                    failed[child.job.name] = _last_words(child.job)
            for job in [job for job in waiting if job.after in failed]:
                waiting.remove(job)
                failed[job.name] = f"begins with the branches of {job.after}"
            now = done + sum(_epochs_done(child.job) for child in running)
            progress.advance(now - shown)
            shown = now
    if failed:
        lines = "\n".join(f"{name}: {words}" for name, words in failed.items())
        raise UserError(f"{len(failed)} runs failed; the same command tries again\n{lines}")


def places(jobs: Sequence[Job]) -> list[str]:
    """Where runs can go: the GPUs (of CUDA_VISIBLE_DEVICES those alone), else the cores if all runs use one thread,
    else one at a time."""
    if torch.cuda.is_available():
        numbers = [str(number) for number in range(torch.cuda.device_count())]
        chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        return [name.strip() for name in chosen[: len(numbers)]] if any(chosen) else numbers
    one_thread = all(job.threads == 1 for job in jobs)
    return [""] * (len(os.sched_getaffinity(0)) if one_thread else 1)


@dataclass(frozen=True)
class _Child:
    """The process of a run, and the places that it has."""

    job: Job
    process: subprocess.Popen[bytes]
    places: list[str]


def _startable(waiting: list[Job], running: list[_Child], failed: dict[str, str], room: int) -> list[Job]:
    """Those that wait for no other run and fit into the free places."""
    unfinished = {job.name for job in waiting} | {child.job.name for child in running} | set(failed)
    found = []
    for job in waiting:
        if job.after not in unfinished and job.devices <= room:
            room -= job.devices
            found.append(job)
    return found


def _start(job: Job, dataset: Path, where: list[str]) -> _Child:
    environment = os.environ | ({"CUDA_VISIBLE_DEVICES": ",".join(where)} if any(where) else {})
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("wb") as log:
        process = subprocess.Popen(
            command(job, dataset), stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    return _Child(job, process, where)


@contextmanager
def _stopped_in_the_end(running: list[_Child]) -> Iterator[None]:
    """Whatever ends the block, a request to terminate too, no process of a run is left behind."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        for child in running:
            os.killpg(child.process.pid, signal.SIGINT)
        for child in running:
            try:
                child.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.process.pid, signal.SIGKILL)


def _epochs_done(job: Job) -> int:
    epochs = re.findall(r"^epoch (\d+):", _text(job), re.MULTILINE)
    return int(epochs[-1]) if epochs else 0


def _last_words(job: Job) -> str:
    lines = _text(job).strip().splitlines()
    return f"{lines[-1] if lines else 'it said nothing'} ({job.log})"


def _text(job: Job) -> str:
    return job.log.read_text(encoding="utf-8", errors="replace")


def submit(jobs: Sequence[Job], dataset: Path, console: Console) -> None:
    """Gives what is left to Slurm, a job a run; one that begins with another's branches waits for it.

    Where one is queued already, the second waits for it (`singleton`) and then finds it done. Partition, account and
    the like are taken from sbatch's own variables, SBATCH_PARTITION, SBATCH_ACCOUNT. Raises UserError where there is
    no sbatch, or it refuses.
    """
    if shutil.which("sbatch") is None:
        raise UserError("sbatch: not found; run this where Slurm's commands are, or without --scheduler slurm")
    numbers: dict[str, str] = {}
    for job in (job for job in jobs if not job.finished):
        job.log.parent.mkdir(parents=True, exist_ok=True)
        words = ["sbatch", "--parsable", "--requeue", "--open-mode=append"]
        words += [f"--job-name={job.runs.name}-{job.name}", f"--cpus-per-task={job.devices * (job.workers + 1)}"]
        words += [f"--gres=gpu:{job.devices}", f"--output={job.log.resolve()}", f"--chdir={Path.cwd()}"]
        first = [f"afterok:{numbers[job.after]}"] if job.after in numbers else []
        words += [f"--dependency={','.join([*first, 'singleton'])}"]
        words += ["--wrap", shlex.join(command(job, dataset))]
        asked = subprocess.run(words, capture_output=True, text=True)
        if asked.returncode:
            raise UserError(f"sbatch refused {job.name}: {asked.stderr.strip()}")
        numbers[job.name] = asked.stdout.strip().split(";")[0]
        console.print(f"{job.name}: job {numbers[job.name]}", highlight=False, markup=False)
