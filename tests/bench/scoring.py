"""How long the paper's tables take from predictions of its size, and what the bootstrap of one run costs.

    python -m tests.bench.scoring

Every experiment under three seeds, splits as large as in section 3.3, about 300 source videos a split, predictions made
of the truth and noise. Nothing is trained.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from annotations.splits import PROTOCOLS
from annotations.tables import PACKAGE_DIR, read_activities
from pipeline.reader import Dataset
from training import checkpoint, predict
from training.reproduce.experiments import EXPERIMENTS, run_name
from training.results import paper_tables, paper_writing, tables
from training.results.metrics import label_average_precision

CLIPS = {"new-val": 2355, "known-val": 1599, "new-test": 2360, "known-test": 1594}
VIDEOS, SEEDS, PREVALENCE = 300, 3, 0.28


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset(write_dataset(Path(folder) / "0.0.1"), ())
        runs = Path(folder) / "runs"
        files = write_predictions(runs, dataset)
        splits = tables.scored(pd.read_parquet(files[0]))
        labels = {split: label_average_precision(part.truth, part.scores) for split, part in splits.items()}
        seconds, _ = timed(lambda: tables.cells(splits, labels))
        print(f"six columns of one run with their intervals: {seconds:.2f} s of CPU")
        equipment = {slug: activity.equipment for slug, activity in read_activities(PACKAGE_DIR).items()}
        console = Console(quiet=True)

        def everything() -> None:
            found = paper_tables.make(runs, dataset, PROTOCOLS[0], equipment, console)
            paper_writing.write(found, Path(folder) / "tables", console)

        cpu, wall = timed(everything)
        cores = len(os.sched_getaffinity(0))
        print(f"all tables from {len(files)} files: {wall:.1f} s on {cores} cores, {cpu:.1f} s of CPU")


def timed(work: object) -> tuple[float, float]:
    """Seconds of CPU, and of the clock."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def write_dataset(root: Path) -> Path:
    """A version with labels alone, whose muscles are drawn for each activity."""
    root.mkdir()
    draw = np.random.default_rng(0)
    activities = read_activities(PACKAGE_DIR)
    muscles = {slug: (draw.random(20) < PREVALENCE).astype(int).tolist() for slug in activities}
    index, path = [], root / "label-000000.tar"
    with tarfile.open(path, "w") as tar:
        for split, clips in CLIPS.items():
            part = "new" if split.startswith("new") else "known"
            slugs = [slug for slug, activity in activities.items() if activity.new == (part == "new")]
            for number in range(clips):
                key, slug = f"{split}-{number:04d}", slugs[draw.integers(len(slugs))]
                payload = json.dumps({"activity": slug, "muscles": muscles[slug]}).encode()
                member = tarfile.TarInfo(f"{key}.label.json")
                member.size = len(payload)
                tar.addfile(member, io.BytesIO(payload))
                source = f"{split}-video-{draw.integers(VIDEOS)}"
                index.append({"key": key, "source": source, "activity": slug, "new": part == "new", "split": split})
    with tarfile.open(path) as tar:
        members = tar.getmembers()
    table = pd.DataFrame(index).assign(
        label_offset=[member.offset_data for member in members],
        label_bytes=[member.size for member in members],
        shard=0,
        split_video_disjoint=lambda rows: rows["split"],
        split_paper=lambda rows: rows["split"],
    )
    table.to_parquet(root / "index.parquet")
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, root / "index.parquet")}
    tars = [{"name": path.name, "sha256": digests[path.name], "bytes": path.stat().st_size, "clips": len(index)}]
    about = {
        "index": {"name": "index.parquet", "sha256": digests["index.parquet"]},
        "name": "bench",
        "version": "0.0.1",
        "modalities": {"label": {"ext": "json", "files": tars, "detail": {}}},
        "muscles": [f"muscle-{i}" for i in range(20)],
    }
    (root / "manifest.json").write_text(json.dumps(about))
    return root


def write_predictions(runs: Path, dataset: Dataset) -> list[Path]:
    for name in predict.BASELINES:
        predict.predict_baseline(name, runs, dataset, PROTOCOLS[0])
    origin = predict.read_origin(runs / "random" / predict.PREDICTIONS)
    assert origin.manifest == checkpoint.dataset_identity(dataset)["manifest"]
    truth = {
        split: np.array([dataset.label(row)["muscles"] for row in dataset.rows(PROTOCOLS[0], split)])
        for split in predict.SCORED
    }
    files = [runs / name / predict.PREDICTIONS for name in predict.BASELINES]
    for number, name in enumerate(EXPERIMENTS):
        for seed in range(SEEDS):
            draw = np.random.default_rng([number, seed])
            found = {split: 0.2 * values + draw.random(values.shape) * 0.8 for split, values in truth.items()}
            files.append(runs / run_name(name, seed) / predict.PREDICTIONS)
            predict.write(files[-1], dataset, found, replace(origin, run=run_name(name, seed), model="x"))
    return files


if __name__ == "__main__":
    main()
