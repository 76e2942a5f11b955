"""Everything goes wrong, and nothing is lost: a pipeline under kills and full disks ends as an undisturbed one.

    python -m tests.chaos --videos 1000 --kills 20

Videos with every kind of fault are served on loopback. One run is left in peace. The other is disturbed: its driver
and its workers are killed with SIGKILL at random, the site refuses for a while, the disk fills up. Then the same
command runs to the end. Required: every input is in one state with the reason that the site stands for, what is done
is whole at every step, no temporary file stays, and shards, index and manifest equal those of the run in peace.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fakes.site import FAULTS, REFUSALS, Site, serving  # noqa: E402

from annotations.tables import read_tables  # noqa: E402
from pipeline import config as configuration  # noqa: E402
from pipeline import ledger, media, stages  # noqa: E402
from pipeline.errors import Reason  # noqa: E402
from pipeline.files import PART  # noqa: E402

MODALITIES = "rgb,rgbdiff,flow"
STAGES = (("download",), ("cut",), ("extract", "--modalities", MODALITIES), ("shards", "--modalities", MODALITIES))
KINDS = (
    *("missing", "forbidden", "truncated", "long-header", "empty", "page-as-video", "audio", "flaky"),
    *("private", "removed", "terminated", "geo-blocked", "age-restricted"),
)
"""Faults that do not depend on when they are met; REFUSALS are told by a page, FAULTS by a file."""
FINE_SHARE = 0.6
DISK_MB = 400

CONFIG = """
[fetch]
extractors = ["watchpage", "generic"]
allow_private_hosts = true
retries = 2
timeout_s = 10
breaker_wait_s = 0.2
breaker_max_wait_s = 2
[cut]
min_frames = 2
[flow]
backend = "dis"
[shard]
target_bytes = 200_000
"""


@dataclass
class Chaos:
    """A pipeline's folders, and how it has been disturbed so far."""

    work: Path
    tables: Path
    config: Path
    workers: int
    random: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def start(self, stage: tuple[str, ...]) -> subprocess.Popen[str]:
        """Starts a stage in a process group of its own."""
        options = ["--work", self.work, "--tables", self.tables, "--config", self.config, "--workers", self.workers]
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *map(str, options), *stage],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'fakes'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self) -> None:
        """Runs all stages to the end in peace."""
        for stage in STAGES:
            process = self.start(stage)
            words, _ = process.communicate(timeout=3600)
            if process.returncode:
                raise AssertionError(f"{stage[0]} ended with {process.returncode}:\n{words[-3000:]}")


def make_tables(folder: Path, site: Site, count: int, chance: random.Random) -> dict[str, Reason | None]:
    """Writes sources.csv and segments.csv of `count` videos; id → the reason it must fail for, None for the fine."""
    expected: dict[str, Reason | None] = {}
    sources, segments = ["id,url,licence,notes"], ["source,start,end,activity"]
    for number in range(count):
        kind = "fine" if chance.random() < FINE_SHARE else KINDS[number % len(KINDS)]
        name = f"video-{number:05d}"
        expected[name] = REFUSALS[kind][0] if kind in REFUSALS else FAULTS[kind]
        address = f"watch/{kind}/{name}" if kind in REFUSALS else f"{kind}/{name}.mp4"
        sources.append(f"{name},{site.url}/{address},,")
        activity = ("squat", "plank", "v-up")[number % 3]
        segments += [f"{name},0.000,0.500,{activity}", f"{name},0.500,0.900,{activity}"]
    folder.mkdir(parents=True)
    (folder / "sources.csv").write_text("\n".join(sources) + "\n")
    (folder / "segments.csv").write_text("\n".join(segments) + "\n")
    return expected


def disturb(chaos: Chaos, site: Site, kills: int) -> None:
    """Runs the stages over and over until the driver has been killed `kills` times; the disk fills every fifth time."""
    while chaos.done["driver killed"] < kills:
        stage = STAGES[min(len(STAGES) - 1, chaos.done["driver killed"] * len(STAGES) // kills)]
        process = chaos.start(stage)
        time.sleep(chaos.random.uniform(1.5, 6))
        if stage[0] == "download":
            site.refusals += chaos.random.randint(0, 2)
        if process.poll() is None and chaos.random.random() < 0.5:
            kill_worker(chaos, process.pid)
        if process.poll() is None and chaos.random.random() < 0.2:
            fill_disk(chaos, process)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        chaos.done["driver killed"] += 1
        words = process.communicate()[0]
        # Python's own resource tracker may complain about what a killed process held; our code may not.
        if f'File "{ROOT}' in words:
            raise AssertionError(f"{stage[0]} broke:\n{words[-3000:]}")
        check_done(chaos)
        print(f"  {chaos.done['driver killed']} of {kills}: {dict(chaos.done)}", flush=True)


def kill_worker(chaos: Chaos, driver: int) -> None:
    """Kills one process that the driver started, whichever it is."""
    listed = subprocess.run(["ps", "-o", "pid=", "-g", str(driver)], capture_output=True, text=True).stdout.split()
    children = [int(pid) for pid in listed if int(pid) != driver]
    if children:
        try:
            os.kill(chaos.random.choice(children), signal.SIGKILL)
        except ProcessLookupError:
            return
        chaos.done["worker killed"] += 1
        time.sleep(chaos.random.uniform(0.2, 2))


def fill_disk(chaos: Chaos, process: subprocess.Popen[str]) -> None:
    """Leaves no byte free for a moment, if the work folder has a small disk of its own."""
    if not os.path.ismount(chaos.work):
        return
    ballast = chaos.work / "ballast"
    try:
        with ballast.open("wb") as stream:
            while True:
                stream.write(bytes(1 << 20))
    except OSError:
        chaos.done["disk filled"] += 1
    deadline = time.monotonic() + 3
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    ballast.unlink()


def plans(chaos: Chaos) -> dict[str, stages.Plan]:
    """The state of all inputs, from the ledger."""
    with ledger.opened(chaos.work) as book:
        known = read_tables(sources_and_segments=chaos.tables)
        project = stages.Project(chaos.work, known, configuration.load(chaos.config), book)
        return stages.plans(project, MODALITIES.split(","))


def check_done(chaos: Chaos) -> None:
    """What counts as done is there, whole; and inputs = done + failed + left."""
    sources = len((chaos.tables / "sources.csv").read_text().splitlines()) - 1
    for stage, plan in plans(chaos).items():
        inputs = sources if stage == "fetch" else 2 * sources
        assert len({*plan.done, *plan.failed, *plan.ready, *plan.waiting}) == inputs == plan.inputs, stage
        for item, attempt in plan.done.items():
            path = chaos.work / (attempt.record or {})["path"]
            found = hashlib.sha256(path.read_bytes()).hexdigest()
            assert found == (attempt.record or {})["sha256"], f"{stage} {item}: {path} is not what was recorded"


def check_end(chaos: Chaos, peace: Chaos, expected: dict[str, Reason | None]) -> None:
    """Every input in its one state, nothing left behind, and the same bytes as in peace."""
    found = plans(chaos)
    reasons = dict.fromkeys(found["fetch"].done)
    reasons |= {item: failure.reason for item, failure in found["fetch"].failed.items()}
    wrong = {
        item: (reasons.get(item, "left"), reason)
        for item, reason in expected.items()
        if reasons.get(item, "left") != reason
    }
    assert not wrong, (
        f"{len(wrong)} of {len(expected)} with another state than the site's: {dict(list(wrong.items())[:5])}"
    )
    assert not any(plan.left for plan in found.values())
    assert not [path for path in chaos.work.rglob("*") if PART in path.name or path.suffix in (".part", ".ytdl")]
    assert version(chaos.work) == version(peace.work)


def version(work: Path) -> dict[str, str]:
    """Name → SHA-256 of the version's files."""
    files = sorted(path for path in (work / "dataset").rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def attempts(work: Path) -> Counter[str]:
    """How often each reason was noted along the way. A bug of ours is never a reason, whatever dies."""
    with sqlite3.connect(work / "ledger.sqlite") as book:
        bugs = book.execute("SELECT stage, item, message FROM attempts WHERE reason = 'ours/bug'").fetchall()
        assert not bugs, bugs
        return Counter(dict(book.execute("SELECT reason, count(*) FROM attempts WHERE reason != '' GROUP BY reason")))


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of DISK_MB at the folder while the block runs; False where this machine does not let us."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], capture_output=True)
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        video = folder / "small.mp4"
        media.encode((np.full((48, 64, 3), 12 * i, np.uint8) for i in range(20)), video, 20, crf=0, gop=5)
        (folder / "config.toml").write_text(CONFIG)
        with serving(video) as site, small_disk(folder / "work") as disk:
            expected = make_tables(folder / "tables", site, chosen.videos, chance)
            print(f"{chosen.videos} videos: {dict(Counter(str(r or 'fine') for r in expected.values()))}")
            if not disk:
                print("no small disk can be mounted here: full disks are left out")
            common = (folder / "tables", folder / "config.toml", chosen.workers, chance)
            peace, chaos = Chaos(folder / "peace", *common), Chaos(folder / "work", *common)
            began = time.monotonic()
            peace.finish()
            print(f"in peace: {time.monotonic() - began:.0f} s")
            disturb(chaos, site, chosen.kills)
            chaos.finish()
            check_end(chaos, peace, expected)
            print(f"disturbed: {time.monotonic() - began:.0f} s in all; noted on the way: {dict(attempts(chaos.work))}")
            print(
                f"{len(expected)} inputs each in their one state; {len(version(chaos.work))} files of the version equal"
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
