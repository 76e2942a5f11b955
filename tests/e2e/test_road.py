"""The whole pipeline as a user runs it, on two rendered workouts: its results, from one worker and two, after kills."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pandas as pd
import pytest
import webdataset

from pipeline.errors import UserError
from pipeline.files import PART
from pipeline.pose.models import model_path
from pipeline.reader import Dataset, DatasetError, find_version
from pipeline.records import MODALITIES

ROOT = Path(__file__).parents[2]
VERSION = "dataset/0.1.0"


def command(work: Path, *arguments: str, workers: int = 2) -> list[str]:
    shared = ["--work", str(work), "--config", "pipeline/configs/demo.toml", "--workers", str(workers)]
    return [sys.executable, "-m", "pipeline", *shared, *arguments]


def run(work: Path, *arguments: str, workers: int = 2) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(work, *arguments, workers=workers), cwd=ROOT, capture_output=True, text=True)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def attempts(ledger: Path, stage: str) -> int:
    """How many attempts of a stage are noted so far."""
    if not ledger.exists():
        return 0
    with sqlite3.connect(ledger) as connection:
        if not connection.execute("SELECT name FROM sqlite_master WHERE name = 'attempts'").fetchall():
            return 0
        return connection.execute("SELECT count(*) FROM attempts WHERE stage = ?", [stage]).fetchone()[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder after the demo's pipeline on two workouts with two workers."""
    try:
        model_path("movenet")
    except UserError as error:
        pytest.skip(str(error))
    work = tmp_path_factory.mktemp("road") / "work"
    result = run(work, "demo", "--workouts", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    return work


def test_every_input_is_done(made: Path) -> None:
    with sqlite3.connect(made / "ledger.sqlite") as connection:
        counts = dict(connection.execute("SELECT stage, count(*) FROM state WHERE reason = '' GROUP BY stage"))
        failed = connection.execute("SELECT stage, item, reason, message FROM state WHERE reason != ''").fetchall()
    assert failed == []
    segments = len(pd.read_csv(made / "tables" / "segments.csv"))
    assert counts["fetch"] == 2
    assert counts["cut"] == counts["rgb"] == counts["rgbdiff"] == counts["flow"] == counts["skeleton"] == segments


def test_status_needs_the_work_folder_alone(made: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "--work", str(made), "status"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in shown.splitlines()]
    counts = {row[0]: row[1:5] for row in rows if row and row[0] in ("fetch", "cut", "flow", "skeleton")}
    clips = ["8", "8", "0", "0"]
    assert counts == {"fetch": ["2", "2", "0", "0"], "cut": clips, "flow": clips, "skeleton": clips}


def test_webdataset_reads_every_column_with_equal_keys(made: Path) -> None:
    keys = {}
    for modality in MODALITIES:
        tars = [str(path) for path in sorted((made / VERSION).glob(f"{modality}-*.tar"))]
        keys[modality] = [sample["__key__"] for sample in webdataset.WebDataset(tars, shardshuffle=False)]
    assert len(keys["rgb"]) == len(pd.read_csv(made / "tables" / "segments.csv"))
    assert all(column == keys["rgb"] for column in keys.values())


def test_the_index_finds_the_bytes_that_the_tar_holds(made: Path) -> None:
    dataset = Dataset(made / VERSION, ["flow", "skeleton"])
    for modality, ending in (("flow", "mp4"), ("skeleton", "npz")):
        held = {}
        for path in (made / VERSION).glob(f"{modality}-*.tar"):
            with tarfile.open(path) as tar:
                held |= {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        for row, key in enumerate(dataset.keys):
            assert dataset.read(row, modality) == held[f"{key}.{modality}.{ending}"]
    dataset.close()


def test_flow_has_one_field_less_and_says_so(made: Path) -> None:
    index = pd.read_parquet(made / VERSION / "index.parquet")
    assert (index["flow_frames"] == index["rgb_frames"] - 1).all()
    assert (index["skeleton_frames"] == index["rgb_frames"]).all()
    with tarfile.open(made / VERSION / "flow-000000.tar") as tar:
        facts = [json.load(tar.extractfile(m)) for m in tar if m.name.endswith(".json")]  # type: ignore[arg-type]
    assert {(fact["backend"], fact["bound"]) for fact in facts} == {("dis", 20.0)}


def test_the_manifest_tells_the_truth(made: Path) -> None:
    manifest = json.loads((made / VERSION / "manifest.json").read_text())
    files = [file for column in manifest["modalities"].values() for file in column["files"]] + [manifest["index"]]
    found = digests(made / VERSION)
    assert {file["name"]: file["sha256"] for file in files} == {k: v for k, v in found.items() if k != "manifest.json"}
    assert manifest["modalities"]["flow"]["detail"] == {"backend": "dis", "bound": 20.0}
    assert manifest["clips"] == sum(manifest["activities"].values()) == len(pd.read_csv(made / "tables/segments.csv"))


def test_running_again_does_nothing_again(made: Path) -> None:
    before = digests(made / VERSION), (made / VERSION / "rgb-000000.tar").stat().st_mtime_ns
    with sqlite3.connect(made / "ledger.sqlite") as connection:
        attempts = connection.execute("SELECT count(*) FROM attempts").fetchone()
    result = run(made, "demo", "--workouts", "2")
    assert result.returncode == 0, result.stderr
    assert (digests(made / VERSION), (made / VERSION / "rgb-000000.tar").stat().st_mtime_ns) == before
    with sqlite3.connect(made / "ledger.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == attempts


def test_one_worker_and_kills_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(made / "sample", work / "sample")
    for seconds in (6.0, 9.0):
        process = subprocess.Popen(
            command(work, "demo", "--workouts", "2", workers=1),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    result = run(work, "demo", "--workouts", "2", workers=1)
    assert result.returncode == 0, result.stdout + result.stderr
    assert digests(work / VERSION) == digests(made / VERSION)
    assert not list(work.rglob(f"*{PART}*"))


def test_ctrl_c_says_how_to_go_on(made: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(made / "sample", work / "sample")
    process = subprocess.Popen(
        command(work, "demo", "--workouts", "2"), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while not attempts(work / "ledger.sqlite", "cut"):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from here" in words and "Traceback" not in words


def test_a_damaged_version_is_refused(made: Path, tmp_path: Path) -> None:
    assert find_version(made / "dataset") == made / VERSION
    with pytest.raises(DatasetError, match="no version of the dataset"):
        find_version(tmp_path)
    with pytest.raises(DatasetError, match="has no depth"):
        Dataset(made / VERSION, ["depth"])
    broken = tmp_path / "version"
    shutil.copytree(made / VERSION, broken)
    with (broken / "flow-000000.tar").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(DatasetError, match=r"flow-000000\.tar: .* bytes, the manifest says"):
        Dataset(broken, ["flow"])
    (broken / "flow-000000.tar").unlink()
    with pytest.raises(DatasetError, match=r"flow-000000\.tar: missing"):
        Dataset(broken, ["flow"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "none.toml", "download"], "none.toml: no such configuration file"),
        (["extract", "--modalities", "depth"], "unknown 'depth'"),
        (["--tables", "/nowhere", "cut"], "/nowhere"),
        (["demo", "--videos", "/nowhere"], "/nowhere: no such folder of videos"),
        (["shards"], "no clip has all of"),
    ],
)
def test_a_persons_mistake_is_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pipeline", "--work", str(tmp_path / "w"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert words in result.stderr and "Traceback" not in result.stderr
    assert result.stderr.strip().count("\n") == 0
