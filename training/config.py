"""What a training run is: frozen dataclasses read from one TOML file, checked when made.

The defaults are the paper's (section 5.1), and where it is silent the authors' released configuration's. An
unknown key, a wrong type or a value out of range is a `ConfigError` that names the file and the key.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path

from annotations.splits import PROTOCOLS
from pipeline.config import ConfigError, read_toml
from pipeline.records import digest

PRECISIONS = ("auto", "32-true", "bf16-mixed")
CROPS = {1: (0.5,), 3: (0.0, 0.5, 1.0)}
"""Where squares lie along the longer side of the pictures, 0 at one end and 1 at the other, by how many there are."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class ModelConfig:
    name: str = "transm3e"
    """The architecture, as `training.models.build` knows it; it decides which modalities are read."""
    head: str = "sigmoid"
    """What turns logits into probabilities: softmax over the groups (eq. 1), or sigmoid for each group."""
    options: dict = field(default_factory=dict)
    """Arguments of the architecture, checked when it is built."""
    pretrained: dict = field(default_factory=dict)
    """Checkpoints to start from: path by part of the model ("video" of TransM3E), "" for the whole."""

    def __post_init__(self) -> None:
        _require(self.head in ("softmax", "sigmoid"), "model.head must be softmax or sigmoid")


@dataclass(frozen=True)
class DataConfig:
    protocol: str = "video-disjoint"
    """Which division into train, val and test is used."""
    frames: int = 16
    """Pictures of a clip that the model sees."""
    stride: int = 4
    """Frames of the clip from picture to picture; frames * stride is the window that all modalities share."""
    skeleton_frames: int = 64
    """Skeletons that the model sees, evenly over the same window."""
    size: int = 224
    """Side in pixels of the pictures: the centre square of the clip, scaled."""
    views: int = 5
    """Windows of a clip, evenly placed, over which final predictions are averaged; validation takes the middle one."""
    crops: int = 1
    """Squares of each of these windows: 1 is the centre, 3 are left, centre and right (or top, centre and bottom)."""
    cache: bool = False
    """Whether decoded clips are kept in memory; for small datasets, read without workers."""

    def __post_init__(self) -> None:
        _require(self.protocol in PROTOCOLS, f"data.protocol must be one of {', '.join(PROTOCOLS)}")
        counts = (self.frames, self.stride, self.skeleton_frames, self.views)
        _require(min(counts) >= 1, "data.frames, stride, skeleton_frames and views must be at least 1")
        _require(self.size >= 16, "data.size must be at least 16 pixels")
        _require(self.crops in CROPS, f"data.crops must be one of {', '.join(map(str, CROPS))}")

    @property
    def window(self) -> int:
        """Frames of the clip from the first picture to the end of the last one's stride."""
        return self.frames * self.stride

    @property
    def looks(self) -> list[tuple[float, float]]:
        """Place in time and side, as in `training.data.Request`, of all views and crops of a clip."""
        places = [(view + 0.5) / self.views for view in range(self.views)]
        return list(product(places, CROPS[self.crops]))

    @property
    def averaged(self) -> str:
        """Views and crops in short, "5 x 1" say, as it stands beside predictions."""
        return f"{self.views} x {self.crops}"


@dataclass(frozen=True)
class AugmentConfig:
    """Drawn for each clip and applied alike to all its modalities; colour and erasing to RGB alone.

    The paper names the jitter; RandAugment and erasing are of the released configuration of video models.
    """

    flip: float = 0.5
    """Probability of the mirror image; left and right joints change places."""
    jitter: float = 0.4
    """Brightness, contrast and saturation are scaled by 1 ± this."""
    operations: int = 4
    """Operations of RandAugment for each clip (Cubuk et al. 2020), each done every other time; 0 is none. Those that
    move the picture move all modalities."""
    magnitude: float = 7.0
    """Their strength, of 10."""
    erase: float = 0.25
    """Probability that a rectangle is erased, the same in all frames: 2 to 33 % of the picture, to mean colour."""
    zoom: float = 0.0
    """The picture is scaled by 1 ± this, about its centre."""
    shift: float = 0.0
    """The picture is moved by up to this share of half its side, in x and in y."""

    def __post_init__(self) -> None:
        _require(0 <= self.flip <= 1, "augment.flip must be from 0 to 1")
        _require(0 <= self.erase <= 1, "augment.erase must be from 0 to 1")
        _require(self.operations >= 0, "augment.operations must not be negative")
        _require(0 <= self.magnitude <= 10, "augment.magnitude must be from 0 to 10")
        for name in ("jitter", "zoom", "shift"):
            _require(0 <= getattr(self, name) < 1, f"augment.{name} must be at least 0 and below 1")


@dataclass(frozen=True)
class OptimConfig:
    """AdamW; linear warm-up, then a cosine, anew in each phase."""

    epochs_branches: int = 80
    """Epochs in which each branch learns alone; a model with one branch has only these."""
    epochs_joint: int = 0
    """Epochs after that with distillation and fusion, for a model that has them."""
    batch_size: int = 16
    """Clips in a batch of one device."""
    learning_rate: float = 1e-4
    """At the end of the warm-up."""
    final_rate: float = 0.01
    """The share of the learning rate that is left when a phase ends."""
    warmup_epochs: float = 5.0
    """Epochs of linear warm-up in each phase."""
    weight_decay: float = 0.05
    """Of matrices and kernels; biases, norms and other vectors have none."""
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    average_decay: float = 0.0
    """Of the moving average of the weights that validates and predicts, 0.999 say; 0 is none."""
    evaluate_every: int = 1
    """Epochs from one validation to the next; the last epoch is always validated."""

    def __post_init__(self) -> None:
        _require(self.epochs_branches >= 0 and self.epochs_joint >= 0, "optim: epochs must not be negative")
        _require(self.epochs_branches + self.epochs_joint >= 1, "optim: there must be at least one epoch")
        _require(self.batch_size >= 1, "optim.batch_size must be at least 1")
        _require(self.learning_rate > 0, "optim.learning_rate must be above 0")
        _require(0 <= self.final_rate <= 1, "optim.final_rate must be from 0 to 1")
        _require(
            self.warmup_epochs >= 0 and self.weight_decay >= 0,
            "optim: warm-up and decay must not be negative",
        )
        _require(self.clip_norm > 0, "optim.clip_norm must be above 0")
        _require(0 <= self.average_decay < 1, "optim.average_decay must be at least 0 and below 1")
        _require(self.evaluate_every >= 1, "optim.evaluate_every must be at least 1")

    @property
    def epochs(self) -> int:
        return self.epochs_branches + self.epochs_joint


@dataclass(frozen=True)
class Config:
    """The whole file."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    seed: int = 0
    """Sets the first weights, the order of the clips, their windows, the augmentation and dropout."""
    precision: str = "auto"
    """One of PRECISIONS, as Fabric names them; auto is bf16-mixed on a GPU, 32-true elsewhere."""
    compile: bool = False
    """Whether training runs code that torch.compile makes of the model, in minutes, at the first step of each phase.
    Needs a C++ compiler."""
    threads: int = 0
    """Threads of the tensor operations on a CPU; 0 leaves it to torch. Small models are fastest with one."""
    workers: int = 4
    """Processes that read and decode, for each device; 0 reads in the training process."""
    checkpoint_steps: int = 0
    """Steps from one checkpoint to the next within an epoch; 0 writes one only after each epoch."""
    keep_checkpoints: int = 2
    """The last so many are kept: training goes on from an older one where the newest cannot be read."""

    def __post_init__(self) -> None:
        counts = (self.seed, self.workers, self.threads, self.checkpoint_steps)
        _require(self.precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}")
        _require(min(counts) >= 0, "seed, workers, threads and checkpoint_steps must not be negative")
        _require(self.keep_checkpoints >= 1, "keep_checkpoints must be at least 1")
        _require(
            not (self.data.cache and self.workers),
            "data.cache needs workers = 0: each would hold its own copy",
        )

    def digest(self) -> str:
        """SHA-256 of what decides the weights, up to rounding; reading, saving, compiling and final views do not.

        Files to start from count by their names and folders' names, so that a work folder can be moved.
        """
        values = asdict(self)
        del values["workers"], values["checkpoint_steps"], values["keep_checkpoints"], values["compile"]
        del values["data"]["cache"], values["data"]["views"], values["data"]["crops"]
        files = values["model"]["pretrained"]
        values["model"]["pretrained"] = {part: Path(path).parts[-2:] for part, path in files.items()}
        return digest(values)

    def with_one_look(self) -> Config:
        """The same with one view of each clip, at the centre of time and picture."""
        return replace(self, data=replace(self.data, views=1, crops=1))


def load(path: Path) -> Config:
    """Reads a TOML file. Raises ConfigError with file and key."""
    return read_toml(Config, path)
