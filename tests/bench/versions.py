"""Versions of 15,000 clips at real size: shards written, read, compared, updated, taken down. Prints Markdown.

    python -m tests.bench.versions [clips]

Skeletons are 60 kB of noise, labels as they are, rgb is simulated with 1 kB a clip.
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import webdataset

from annotations.tables import Segment, read_tables
from pipeline import manifest, shard
from pipeline.config import Config, ShardConfig
from pipeline.reader import Dataset
from pipeline.records import Payload, file_sha256
from pipeline.release import read_release
from pipeline.tar import TarWriter
from pipeline.versions.takedown import take_down

T = TypeVar("T")
SIZES = {"rgb": 1000, "skeleton": 60_000}
CLIPS_OF_A_SOURCE = 5
TARGET = 32 * 10**6


def main(clips: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        root = write(work, clips)
        print("| what | figure |\n|---|--:|")
        reading(root)
        writing(work, np.random.default_rng(0).bytes(SIZES["skeleton"]))
        tables = work / "tables"
        tables.mkdir()
        (tables / "sources.csv").write_text("id,url,licence,notes\nsource7,https://a.test/7,,\n")
        before = read_release(root)
        seconds, (after, _) = timed(lambda: take_down("source7", "asked", tables, work, work / "dataset"))
        assert after is not None and len(after.index) == clips - CLIPS_OF_A_SOURCE
        print(f"| takedown of a source among {clips:,} clips | {seconds:.2f} s |")
        old = {tar["sha256"] for m in before.modalities for tar in before.tars(m)}
        fresh = sum(t["bytes"] for m in after.modalities for t in after.tars(m) if t["sha256"] not in old)
        whole = sum(t["bytes"] for m in after.modalities for t in after.tars(m))
        print(f"| bytes that it rewrote | {fresh / whole:.1%} |")
        arguments = [sys.executable, "-m", "pipeline.versions"]
        for name, more in (("diff", [str(after.root)] * 2), ("verify", [str(after.root), "--absent", "source7"])):
            command = [*arguments, name, *more]
            seconds, _ = timed(lambda command=command: subprocess.run(command, check=True, capture_output=True))
            print(f"| `{name}`, with the start of Python | {seconds:.2f} s |")


def write(work: Path, clips: int) -> Path:
    """A version of so many clips, written as the pipeline writes it."""
    rng, tables = np.random.default_rng(0), read_tables()
    activity, muscles = next(iter(tables.labels.items()))
    files = {}
    for modality, size in SIZES.items():
        files[modality] = work / f"{modality}.payload"
        files[modality].write_bytes(rng.bytes(size))
    shas = {m: file_sha256(path) for m, path in files.items()}
    found = []
    for i in range(clips):
        source, start = f"source{i // CLIPS_OF_A_SOURCE}", float(i % CLIPS_OF_A_SOURCE)
        label = {"activity": activity, "new": False, "muscles": list(muscles), "names": [], "source": source}
        label |= {"splits": {"video-disjoint": "train", "paper": "train"}, "start": start, "end": start + 1}
        key = f"{source}-{round(start * 1000):07d}-{round(start * 1000 + 1000):07d}"
        payloads = {m: Payload(key, m, files[m].name, shas[m], SIZES[m], 30, 340, 256, 30.0) for m in SIZES}
        found.append(shard.Sample(key, Segment(source, start, start + 1, activity), label, payloads))
    columns = (*SIZES, "label")
    shards = shard.lay_out(found, columns, TARGET, None)
    folder = work / "dataset" / "0.1.0"
    written = [
        shard.write_shard(folder / shard.shard_name(m, n), shard.shard_name(m, n), m, n, members, work)
        for n, members in enumerate(shards)
        for m in columns
    ]
    config = replace(Config(), shard=ShardConfig("0.1.0"))
    manifest.write(folder, shards, written, {}, tables, config, columns)
    return folder


def reading(root: Path) -> None:
    """Skeletons by the index against webdataset, one process, warm cache."""
    dataset = Dataset(root, ["skeleton"])
    rows = list(range(len(dataset)))
    tars = [str(root / tar["name"]) for tar in dataset.manifest["modalities"]["skeleton"]["files"]]

    def by_index(order: list[int]) -> int:
        return sum(len(dataset.read(row, "skeleton")) for row in order)

    def by_webdataset(shuffle: int) -> int:
        samples = webdataset.WebDataset(tars, shardshuffle=False)
        return sum(len(s["skeleton.npz"]) for s in (samples.shuffle(shuffle) if shuffle else samples))

    by_index(rows)
    for words, order, shuffle in (
        ("in file order", rows, 0),
        ("shuffled", random.Random(0).sample(rows, len(rows)), 1000),
    ):
        ours, a = timed(lambda order=order: by_index(order))
        theirs, b = timed(lambda shuffle=shuffle: by_webdataset(shuffle))
        assert a == b
        print(f"| reading 60 kB samples {words}, index against webdataset | {theirs / ours:.1f} times |")
        print(f"| samples/s {words} | {len(rows) / ours:,.0f} against {len(rows) / theirs:,.0f} |")


def writing(work: Path, payload: bytes) -> None:
    """MB per CPU second to a file: TarWriter (which hashes too), tarfile, webdataset."""
    count = 4000

    def ours() -> None:
        with (work / "t.tar").open("wb") as stream:
            writer = TarWriter(stream)
            for i in range(count):
                writer.add(f"{i:06d}.skeleton.npz", payload)
            writer.close()

    def plain() -> None:
        with tarfile.open(work / "t.tar", "w") as tar:
            for i in range(count):
                member = tarfile.TarInfo(f"{i:06d}.skeleton.npz")
                member.size = len(payload)
                tar.addfile(member, io.BytesIO(payload))

    def web() -> None:
        with webdataset.TarWriter(str(work / "t.tar"), encoder=False) as tar:
            for i in range(count):
                tar.write({"__key__": f"{i:06d}", "skeleton.npz": payload})

    for words, call in (("`TarWriter` with SHA-256", ours), ("`tarfile`", plain), ("webdataset", web)):
        start = time.process_time()
        call()
        speed = count * len(payload) / 1e6 / (time.process_time() - start)
        print(f"| writing, {words} | {speed:,.0f} MB per CPU second |")


def timed(call: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15_000)
