"""Training, as section 5.1 has it: each branch alone with its classification tokens, then all of it together.

The same command goes on where a stopped run left off, and ends with the weights of one that was never
stopped: the order of the clips, their windows, augmentation and dropout follow from (seed, epoch, step), and
a checkpoint holds the rest. On a CPU the two are equal bit for bit.
"""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from pipeline.errors import UserError
from pipeline.files import locked
from pipeline.reader import Dataset
from training import checkpoint, device
from training.augment import augment
from training.config import Config, load
from training.data import Batch, Batches, Clips, checked, loader
from training.display import Clock, Display, display
from training.models import Model, Output, build, load_pretrained
from training.models.transm3e import TransM3E
from training.optim import adamw, follow, learning_rate
from training.predict import activate, probabilities
from training.results import metrics

VALIDATION = ("known-val", "new-val")
SMALLER = "a smaller learning rate may help"


@dataclass
class Run:
    """What a run works with, on one device. `model` is `bare` as Fabric wraps it (precision, DDP, compiled code).

    `average` is the moving average of its weights, where the configuration wants one.
    """

    config: Config
    folder: Path
    fabric: Fabric
    clips: Clips
    batches: Batches
    feed: DataLoader
    bare: Model
    average: Model | None
    model: nn.Module
    optimizer: torch.optim.Optimizer
    progress: checkpoint.Progress
    log: SummaryWriter | None
    clock: Clock = field(default_factory=Clock)

    @property
    def predictor(self) -> Model:
        """The model whose predictions count."""
        return self.average or self.bare


def train(config_path: Path, root: Path, folder: Path, console: Console) -> None:
    """Trains the run `folder` on the dataset version at `root`, or goes on with it, unless it is finished."""
    config = load(config_path)
    if config.compile:
        device.require_compiler()
    fabric = device.fabric(config)
    console = console if fabric.is_global_zero else Console(quiet=True)
    torch.manual_seed(config.seed)
    model = build(config.model.name, **config.model.options)
    if config.optim.epochs_joint and not isinstance(model, TransM3E):
        raise UserError(f"{config_path}: optim.epochs_joint: {config.model.name} has no joint phase; leave it out")
    dataset = Dataset(root, model.modalities)
    about = checkpoint.identity(config, dataset)
    with locked(folder, "run") if fabric.is_global_zero else nullcontext():
        if checkpoint.open_folder(folder, config_path.read_text(encoding="utf-8"), about):
            console.print(f"{folder}: already trained", soft_wrap=True, markup=False)
            return
        for part, path in config.model.pretrained.items():
            console.print(f"{path}: {load_pretrained(model, Path(path), part)}", soft_wrap=True, markup=False)
        go_on(assemble(config, fabric, folder, model, dataset, console), console)


def go_on(run: Run, console: Console) -> None:
    """Trains to the last epoch from where the run is, and marks it as finished."""
    optim = run.config.optim
    steps = optim.epochs * run.batches.steps
    with display(run.folder.name, run.progress.step, steps, run.clock, console) as bar:
        for epoch in range(run.progress.epoch, optim.epochs):
            train_epoch(run, bar)
            if (epoch + 1) % optim.evaluate_every == 0 or epoch + 1 == optim.epochs:
                bar.say(f"epoch {epoch + 1}: {validate(run)}")
            if optim.epochs_joint and epoch + 1 == optim.epochs_branches and run.fabric.is_global_zero:
                checkpoint.save_weights(run.folder / checkpoint.BRANCHES, run.predictor)
            run.progress.epoch, run.progress.position = epoch + 1, 0
            save(run)
    if run.log:
        run.log.close()
    if run.fabric.is_global_zero:
        parameters = sum(weight.numel() for weight in run.bare.parameters())
        checkpoint.finish(run.folder, {"best": run.progress.best, "steps": steps, "parameters": parameters})
    run.fabric.barrier()  # so that what the first device has written is there for all


def assemble(config: Config, fabric: Fabric, folder: Path, bare: Model, dataset: Dataset, console: Console) -> Run:
    """Puts a run together where its checkpoint left it."""
    rows = dataset.rows(config.data.protocol, "train")
    if not rows:
        raise UserError(f"{dataset.root}: no clip is for training under {config.data.protocol}; add source videos")
    if len(rows) < fabric.world_size:
        raise UserError(f"{dataset.root}: {len(rows)} training clips for {fabric.world_size} devices; use fewer")
    clips = Clips(dataset, config.data)
    batches = Batches(rows, config.optim.batch_size, config.seed, fabric.global_rank, fabric.world_size)
    bare = bare.to(fabric.device)
    optimizer = adamw(bare, config.optim)
    average = deepcopy(bare).requires_grad_(False) if config.optim.average_decay else None
    progress = checkpoint.restore(folder, bare, average, optimizer, config.keep_checkpoints, console)
    model, wrapped = fabric.setup(device.compiled(bare) if config.compile else bare, optimizer)
    log = SummaryWriter(str(folder / "tensorboard"), purge_step=progress.step) if fabric.is_global_zero else None
    feed = loader(clips, batches, config.workers, pin=fabric.device.type == "cuda")
    return Run(config, folder, fabric, clips, batches, feed, bare, average, model, wrapped, progress, log)


def train_epoch(run: Run, bar: Display) -> None:
    """The steps of the current epoch that are left."""
    run.model.train()
    run.batches.start(run.progress.epoch, run.progress.position)
    every = run.config.checkpoint_steps
    for found in run.clock.timed(run.feed):
        batch = run.fabric.to_device(checked(found))
        loss = train_step(run, batch)
        run.progress.losses.append(loss)
        run.progress.position += run.batches.clips_of_step(run.progress.position)
        bar.step(loss)
        if every and run.progress.step % every == 0:
            save(run)


def train_step(run: Run, batch: Batch) -> float:
    """One step of AdamW; returns the loss.

    Raises UserError with the clips' keys if loss or gradient is not finite, before any weight is changed.
    """
    optim, step = run.config.optim, run.progress.step
    seed = step_seed(run.config.seed, step, run.fabric.global_rank)
    torch.manual_seed(seed)
    rate = learning_rate(optim, run.batches.passed(run.progress.epoch, run.progress.position), run.batches.steps)
    for group in run.optimizer.param_groups:
        group["lr"] = rate

    mirror = run.clips.layout.mirror if "skeleton" in batch.inputs else ()
    output = run.model(augment(batch.inputs, run.config.augment, mirror, seed), **phase(run))
    losses = clip_losses(output, batch.target, run.config.model.head)
    distillation = losses.new_zeros(()) if output.distillation is None else output.distillation
    loss = losses.mean() + distillation
    if not torch.isfinite(loss):
        raise UserError(f"step {step}: the loss is not a finite number, {blame(batch, losses)}")
    run.optimizer.zero_grad()
    run.fabric.backward(loss * run.batches.weight(run.progress.position))
    norm = run.fabric.clip_gradients(run.model, run.optimizer, max_norm=optim.clip_norm, error_if_nonfinite=False)
    assert norm is not None
    if not torch.isfinite(norm):
        raise UserError(f"step {step}: the gradient is not finite, of {', '.join(batch.keys)}; {SMALLER}")
    run.optimizer.step()
    if run.average:
        follow(run.average, run.bare, optim.average_decay, step)
    run.clock.clips += run.batches.clips_of_step(run.progress.position)

    if run.log:
        run.log.add_scalar("train/loss", loss, step)
        run.log.add_scalar("train/clips per second", run.clock.rate, step)
        run.log.add_scalar("train/distillation", distillation, step)
        run.log.add_scalar("train/gradient norm", norm, step)
        run.log.add_scalar("train/learning rate", rate, step)
        run.log.add_scalar("train/data wait", run.clock.waiting, step)
    return loss.item()


def validate(run: Run) -> str:
    """mAP on known and new val, logged; keeps the weights if the mean is the best yet. Returns it in words.

    Only the last phase competes: before it, the model that predicts is not whole.
    """
    options, once, values = phase(run), run.config.with_one_look(), {}
    for split in VALIDATION:
        rows = run.clips.dataset.rows(run.config.data.protocol, split)
        if rows:
            scores = probabilities(run.fabric, run.predictor, run.clips, rows, once, **options)
            truth = torch.stack([run.clips.target(row) for row in rows]).numpy()
            values[split] = metrics.mean_average_precision(truth, scores)
    best = run.progress.best
    if options.get("joint", True) and (not best or not values or mean(values.values()) > mean(best.values())):
        run.progress.best = values
        if run.fabric.is_global_zero:
            checkpoint.save_weights(run.folder / checkpoint.BEST, run.predictor)
    if run.log:
        for split, value in values.items():
            run.log.add_scalar(f"val/{split}", value, run.progress.step)
    return ", ".join(f"{split} mAP {value:.1%}" for split, value in values.items()) or "no clip is for validation"


def save(run: Run) -> None:
    """Writes the checkpoint, on the first device; what was logged is then on disk too."""
    if run.log:
        run.log.flush()
    if run.fabric.is_global_zero:
        keep = run.config.keep_checkpoints
        checkpoint.save(run.folder, run.bare, run.average, run.optimizer, run.progress, keep)


def phase(run: Run) -> dict[str, Any]:
    """What tells a model with two phases which one it is in."""
    optim = run.config.optim
    return {"joint": run.progress.epoch >= optim.epochs_branches} if optim.epochs_joint else {}


def clip_losses(output: Output, target: Tensor, head: str) -> Tensor:
    """Binary cross-entropy of each clip, [B]: the mean over branches and groups."""
    return torch.stack([_cross_entropy(logits.float(), target, head) for logits in output.logits.values()]).mean(dim=0)


def _cross_entropy(logits: Tensor, target: Tensor, head: str) -> Tensor:
    if head == "sigmoid":
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=1)
    off = torch.log1p(-activate(logits, head).clamp(max=1 - 1e-6))  # finite, and so is its gradient
    return -(target * logits.log_softmax(dim=1) + (1 - target) * off).mean(dim=1)


def blame(batch: Batch, losses: Tensor) -> str:
    """Which clips a loss that is not finite comes from, in words.

    Normalisation spreads one bad clip over its batch, so inputs are looked at first.
    """
    for modality, x in batch.inputs.items():
        finite = torch.isfinite(x).flatten(1).all(dim=1)
        if not finite.all():
            return f"nor is the {modality} of {_keys(batch, finite)}"
    finite = torch.isfinite(losses)
    if not finite.all():
        return f"for the clips {_keys(batch, finite)}; {SMALLER}"
    return f"the distillation for {', '.join(batch.keys)}; {SMALLER}"


def _keys(batch: Batch, finite: Tensor) -> str:
    return ", ".join(key for key, good in zip(batch.keys, finite.tolist(), strict=True) if not good)


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of all that is random in one step on one device."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0])
