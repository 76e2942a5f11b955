"""The examples of the card: Python that reads the version as it lies there. The tests run them."""

from __future__ import annotations

from dataset_card.version import Version


def pattern(tars: list[str]) -> str:
    """One name for numbered tars, in the braces that webdataset expands: flow-{000000..000003}.tar."""
    if len(tars) == 1:
        return tars[0]
    first, last = (name.removesuffix(".tar").rsplit("-", 1) for name in (tars[0], tars[-1]))
    return f"{first[0]}-{{{first[1]}..{last[1]}}}.tar"


def with_webdataset(version: Version) -> str:
    """A modality beside its labels; equal numbers of tars hold equal keys in equal order."""
    shown = "skeleton" if "skeleton" in version.dataset.modalities else next(iter(version.dataset.modalities), "")
    read = {
        "skeleton": 'print(sample["__key__"], sample["skeleton.npz"]["joints"].shape, label["label.json"]["names"])',
        "": 'print(label["__key__"], label["label.json"]["names"])',
    }.get(shown, f'print(sample["__key__"], sample["{shown}.json"]["frames"], label["label.json"]["names"])')
    labels = f'labels = webdataset.WebDataset("{pattern(version.tars("label"))}", shardshuffle=False).decode()'
    if not shown:
        return f"import webdataset\n\n{labels}\nfor label in labels:\n    {read}"
    return f"""import webdataset

samples = webdataset.WebDataset("{pattern(version.tars(shown))}", shardshuffle=False).decode()
{labels}
for sample, label in zip(samples, labels, strict=True):
    assert sample["__key__"] == label["__key__"]
    {read}"""


def with_datasets(version: Version) -> str:
    """The labels, and another column by the configuration that the card names."""
    code = """import os
from datasets import load_dataset

folder = os.getcwd()  # or the name of a repository on the Hub
labels = load_dataset(folder, "label", split="clips")
train = labels.filter(lambda clip: clip["label.json"]["splits"]["video-disjoint"] == "train")
print(train["__key__"][:])"""
    if "skeleton" not in version.dataset.modalities:
        return code
    return f"""{code}
for sample in load_dataset(folder, "skeleton", split="clips", streaming=True):
    print(sample["__key__"], len(sample["skeleton.npz"]["joints"]))"""


def of_flow(version: Version) -> str:
    """Levels back to pixels per frame, without this project's code."""
    return f"""import io
import av, numpy, webdataset

for sample in webdataset.WebDataset("{pattern(version.tars("flow"))}", shardshuffle=False).decode():
    bound = sample["flow.json"]["bound"]
    with av.open(io.BytesIO(sample["flow.mp4"])) as video:
        levels = numpy.stack([field.to_ndarray()[: field.height] for field in video.decode(video=0)])
    x, y = numpy.split(levels * (2 * bound / 255) - bound, 2, axis=1)  # each [T, H, W], pixels per frame
    print(sample["__key__"], x.shape, abs(x).max())"""


def of_one_clip() -> str:
    """Any payload by the index, without unpacking."""
    return """import json, os
import pandas

clip = pandas.read_parquet("index.parquet").iloc[0]
with open(f"label-{clip['shard']:06d}.tar", "rb") as tar:
    label = os.pread(tar.fileno(), clip["label_bytes"], clip["label_offset"])
print(clip["key"], json.loads(label)["names"])"""
