"""Probabilities of a model over the splits, saved as Parquet: all that the tables are made from.

One row a clip: key, source, activity, split, y_true and y_prob (20 numbers each, in the order of the
muscles). The file's schema metadata says which run, model, configuration, dataset, protocol and code they
come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor, nn

from annotations.splits import SPLITS
from pipeline.errors import UserError
from pipeline.files import replacing
from pipeline.reader import Dataset
from pipeline.records import file_sha256
from training import checkpoint, device
from training.augment import prepare
from training.config import Config, load
from training.data import Clips, checked, in_order, loader
from training.models import Output, build
from training.models.baselines import all_ones_probabilities, random_probabilities

PREDICTIONS = "predictions.parquet"
SCORED = tuple(split for split in SPLITS if split != "train")
BASELINES = {"random": "Random", "all-ones": "All Ones"}
"""The statistical baselines of section 5.2: folder of the predictions, name in the tables."""
BASELINE = "baseline"
"""Stands in the metadata where a trained model has its architecture."""


@dataclass(frozen=True)
class Origin:
    """Where predictions come from; stored with them. A baseline has neither configuration nor weights."""

    run: str
    model: str
    config: str
    weights: str
    dataset: str
    manifest: str
    muscles: str
    """Names of the 20 groups, comma-separated, in order."""
    protocol: str
    code: str
    views: str = ""
    """Views and crops of a clip that were averaged, "5 x 1" say; nothing for a baseline."""


def branch_mean(output: Output, head: str) -> Tensor:
    """The prediction, [B, 20] in 0..1: the mean of the branches' probabilities (section 4.4)."""
    return torch.stack([activate(logits, head) for logits in output.logits.values()]).mean(dim=0)


def activate(logits: Tensor, head: str) -> Tensor:
    """Logits [B, 20] → probabilities: softmax over the groups (eq. 1), or sigmoid for each."""
    return logits.float().softmax(dim=1) if head == "softmax" else logits.float().sigmoid()


def probabilities(
    fabric: Fabric, model: nn.Module, clips: Clips, rows: Sequence[int], config: Config, **options: bool
) -> np.ndarray:
    """[N, 20] for the rows in order, averaged over views and crops; the devices share the work.

    `model` is the bare module, not its wrapper, which under DDP would wait for devices that have fewer
    batches. `options` go to its `forward`.
    """
    return probabilities_without(fabric, model, clips, rows, config, [""], **options)[0]


@torch.no_grad()
def probabilities_without(
    fabric: Fabric,
    model: nn.Module,
    clips: Clips,
    rows: Sequence[int],
    config: Config,
    missing: Sequence[str],
    **options: bool,
) -> np.ndarray:
    """[M, N, 20]: `probabilities` of a model that does not see one modality, for each of M; "" is none.

    The clips are decoded once for all.
    """
    model.eval()
    total = torch.zeros(len(missing), len(rows), 20, device=fabric.device)
    mine = range(fabric.global_rank, len(rows), fabric.world_size)
    place = {rows[i]: i for i in mine}
    looks = config.data.looks
    own = [rows[i] for i in mine]
    batches = [batch for look in looks for batch in in_order(own, config.optim.batch_size, *look)]
    for found in loader(clips, batches, config.workers, pin=False):
        batch = fabric.to_device(checked(found))
        places = [place[row] for row in batch.rows]
        for i, without in enumerate(missing):
            inputs = {modality: x for modality, x in batch.inputs.items() if modality != without}
            total[i, places] += one_look(fabric, model, inputs, config, **options) / len(looks)
    summed = fabric.all_reduce(total, reduce_op="sum")
    assert isinstance(summed, Tensor)
    return summed.cpu().numpy()


@torch.no_grad()
def one_look(fabric: Fabric, model: nn.Module, inputs: dict[str, Tensor], config: Config, **options: bool) -> Tensor:
    """The prediction [B, 20] for inputs on the device, as `Clips` gives them."""
    with fabric.autocast():
        output = model(prepare(inputs), **options)
    return branch_mean(output, config.model.head)


def without_one(modality: str) -> str:
    """File of the predictions of a run that is not shown one of its modalities."""
    return f"predictions-without-{modality}.parquet"


def predict_run(folder: Path, root: Path, console: Console) -> None:
    """Writes a finished run's predictions, unless they are there for these weights and this dataset.

    Those of a model of several modalities without each of them too, before the whole ones, which tell that all
    are there.
    """
    config = load(folder / checkpoint.CONFIG)
    model = build(config.model.name, **config.model.options)
    dataset = Dataset(root, model.modalities)
    origin = _origin(dataset, config.data.protocol, folder.name, config.model.name)
    weights = file_sha256(folder / checkpoint.BEST)
    origin = replace(origin, config=config.digest(), weights=weights, views=config.data.averaged)
    if (folder / PREDICTIONS).is_file() and read_origin(folder / PREDICTIONS) == origin:
        return
    checkpoint.load_best(folder, model)
    fabric = device.fabric(config)
    console = console if fabric.is_global_zero else Console(quiet=True)
    model = model.to(fabric.device)
    clips = Clips(dataset, config.data)
    missing = (*(model.modalities if len(model.modalities) > 1 else ()), "")
    found = {}
    with console.status(f"predicting with {folder.name}"):
        for split in SCORED:
            rows = dataset.rows(origin.protocol, split)
            found[split] = probabilities_without(fabric, model, clips, rows, config, missing)
    if fabric.is_global_zero:
        for i, modality in enumerate(missing):
            path = folder / (without_one(modality) if modality else PREDICTIONS)
            name = f"{folder.name} without {modality}" if modality else folder.name
            write(path, dataset, {split: values[i] for split, values in found.items()}, replace(origin, run=name))


def predict_baseline(name: str, runs: Path, dataset: Dataset, protocol: str) -> None:
    """Writes the predictions of a baseline, `random` or `all-ones`, unless they are there for this dataset."""
    path, origin = runs / name / PREDICTIONS, _origin(dataset, protocol, BASELINES[name], BASELINE)
    if path.is_file() and read_origin(path) == origin:
        return
    sizes = [len(dataset.rows(protocol, split)) for split in SCORED]
    scores = random_probabilities(sum(sizes)) if name == "random" else all_ones_probabilities(sum(sizes))
    found = dict(zip(SCORED, np.split(scores, np.cumsum(sizes)[:-1]), strict=True))
    write(path, dataset, found, origin)


def _origin(dataset: Dataset, protocol: str, run: str, model: str) -> Origin:
    muscles = ",".join(dataset.manifest["muscles"])
    about = checkpoint.dataset_identity(dataset)
    return Origin(run, model, "", "", muscles=muscles, protocol=protocol, code=version("musclemap"), **about)


def write(path: Path, dataset: Dataset, found: Mapping[str, np.ndarray], origin: Origin) -> None:
    """Saves the probabilities [N, 20] of each split, in the order of the dataset's rows."""
    rows, splits, scores = [], [], []
    for split, values in found.items():
        rows += dataset.rows(origin.protocol, split)
        splits += [split] * len(values)
        scores += values.astype(np.float32).tolist()
    index = dataset.index.loc[rows]
    table = pa.table(
        {
            "key": index["key"].tolist(),
            "source": index["source"].tolist(),
            "activity": index["activity"].tolist(),
            "split": pa.array(splits, pa.string()),
            "y_true": pa.array([dataset.label(row)["muscles"] for row in rows], pa.list_(pa.int8())),
            "y_prob": pa.array(scores, pa.list_(pa.float32())),
        },
        metadata=asdict(origin),
    )
    with replacing(path) as part:
        pq.write_table(table, part)


def read_origin(path: Path) -> Origin:
    """Where saved predictions come from. Raises UserError if the file is none of ours."""
    try:
        stored = {name.decode(): value.decode() for name, value in (pq.read_schema(path).metadata or {}).items()}
        return Origin(**{f.name: stored[f.name] for f in fields(Origin) if f.name in stored or f.default is MISSING})
    except (pa.ArrowInvalid, KeyError) as error:
        raise UserError(f"{path}: not saved predictions ({error}); remove it") from None
