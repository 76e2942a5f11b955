"""The pipeline's configuration: frozen dataclasses read from one TOML file, checked when made.

Every table of the file is one dataclass here, every key one field; an unknown key, a wrong type or a value out
of range is a `UserError` that names the file and the key. What a file leaves out has the default below, which
is the full configuration. Only what changes a stage's output belongs to that stage's table: its values are part of
the digest that decides whether work is done again.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pipeline.errors import UserError

T = TypeVar("T")


class ConfigError(UserError):
    """A configuration that cannot be used; says which key and why."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class FetchConfig:
    max_height: int = 720
    """Largest height in pixels that is asked for."""
    extractors: tuple[str, ...] = ("youtube",)
    """yt-dlp extractors that may be used; a source that needs another is rejected."""
    allow_private_hosts: bool = False
    """Whether loopback and private addresses may be contacted (the demo's own server)."""
    sections: bool = False
    """Download only what the segments need, where the site gives files in parts. Sources without segments are
    downloaded whole, and one whose segments change is downloaded again."""
    max_bytes: int = 4 * 2**30
    """Larger files are rejected."""
    max_seconds: float = 4 * 3600.0
    """Longer videos are rejected."""
    cookies: str = ""
    """A Netscape cookies file, read and never written; empty for none."""
    cookies_from_browser: str = ""
    """Take cookies from a browser of the machine that downloads: its name, like "firefox" or "firefox:profile"."""
    proxies: tuple[str, ...] = ()
    """Proxy URLs. A source keeps its proxy, and takes the next one each time it is tried again."""
    user_agent: str = ""
    """What to send as User-Agent; empty for yt-dlp's own."""
    rate_limit: int = 0
    """Bytes per second for each download; 0 for no limit."""
    sleep_s: float = 0.0
    """Seconds to wait before each request for a page, and at least before each download."""
    max_sleep_s: float = 0.0
    """If larger than sleep_s, the wait before a download is drawn between the two."""
    timeout_s: float = 30.0
    """Seconds without an answer before a connection is given up."""
    retries: int = 3
    """How often one attempt makes a failed connection again; what has arrived is kept."""
    retry_wait_s: float = 1.0
    """Wait before the first of these; it doubles each time up to a minute, and is drawn from its upper half."""
    deadline_s: float = 7200.0
    """Seconds for one attempt; then its downloader is stopped, and what has arrived is kept for the next."""
    at_once: int = 2
    """Sources asked for at the same time, over all workers together."""
    tries: int = 3
    """Attempts at a source within one run while the site blocks it or cannot be reached."""
    breaker_wait_s: float = 60.0
    """Wait of all workers after a 429 or a bot check, before one source is tried; doubles each time that fails."""
    breaker_max_wait_s: float = 3600.0
    """A site that asks for a longer wait, or still refuses after this one, is left to a later run."""

    def __post_init__(self) -> None:
        _require(self.max_height >= 64, "fetch.max_height must be at least 64 pixels")
        _require(len(self.extractors) > 0, "fetch.extractors must name at least one yt-dlp extractor")
        _require(self.max_bytes > 0 and self.max_seconds > 0, "fetch.max_bytes and max_seconds must be positive")
        _require(self.rate_limit >= 0, "fetch.rate_limit must not be negative")
        _require(self.sleep_s >= 0, "fetch.sleep_s must not be negative")
        _require(self.max_sleep_s == 0 or self.max_sleep_s >= self.sleep_s, "fetch.max_sleep_s: 0 or at least sleep_s")
        _require(self.timeout_s > 0 and self.deadline_s > 0, "fetch.timeout_s and deadline_s must be positive")
        _require(self.retries >= 0 and self.retry_wait_s >= 0, "fetch.retries and retry_wait_s must not be negative")
        _require(self.at_once >= 1 and self.tries >= 1, "fetch.at_once and tries must be at least 1")
        _require(
            0 < self.breaker_wait_s <= self.breaker_max_wait_s,
            "fetch.breaker_wait_s must be positive and at most breaker_max_wait_s",
        )


@dataclass(frozen=True)
class CutConfig:
    short_side: int = 256
    """Shorter side of a clip in pixels; larger videos are scaled down, smaller ones are left alone."""
    crf: int = 18
    """x264 quality of the clip: 0 is lossless, 18 visually so."""
    gop: int = 12
    """Frames between key frames: short, so that a loader can start anywhere."""
    max_seconds: float = 60.0
    """Longer segments are rejected."""
    min_frames: int = 2
    """Clips with fewer frames are rejected (flow needs two)."""

    def __post_init__(self) -> None:
        _require(self.short_side >= 32, "cut.short_side must be at least 32 pixels")
        _require(0 <= self.crf <= 51, "cut.crf must be from 0 to 51")
        _require(self.gop >= 1, "cut.gop must be at least 1")
        _require(self.max_seconds > 0, "cut.max_seconds must be positive")
        _require(self.min_frames >= 2, "cut.min_frames must be at least 2")


@dataclass(frozen=True)
class DetectConfig:
    scenes: bool = True
    """Whether to cut a video where its scenes change; otherwise it is one scene."""
    scene_threshold: float = 27.0
    """Change of a frame to the next, as PySceneDetect's ContentDetector counts it, from which on a scene is new."""
    window_s: float = 10.0
    """Longer scenes are divided into equal windows of at most this many seconds."""
    min_s: float = 1.0
    """Shorter scenes are left out."""
    person: bool = True
    """Whether to leave out what shows nobody."""

    def __post_init__(self) -> None:
        _require(self.scene_threshold > 0, "detect.scene_threshold must be positive")
        _require(0 < self.min_s <= self.window_s, "detect.min_s must be positive and at most window_s")


@dataclass(frozen=True)
class RgbdiffConfig:
    crf: int = 20
    """x264 quality of the payload."""
    gop: int = 12
    """Frames between key frames."""

    def __post_init__(self) -> None:
        _require(0 <= self.crf <= 51, "rgbdiff.crf must be from 0 to 51")
        _require(self.gop >= 1, "rgbdiff.gop must be at least 1")


@dataclass(frozen=True)
class FlowConfig:
    backend: str = "tvl1"
    """tvl1 (our TV-L1, on a GPU if there is one, else four times as fast as the next), opencv (that of
    opencv-contrib), dis (fast preview), farneback, or denseflow (`binary` needed)."""
    bound: float = 20.0
    """Pixels per frame that map to the ends of the quantised range, as DenseFlow's bound."""
    preset: str = "opencv"
    """Parameters of tvl1: opencv (its DualTVL1) or denseflow (no median filter, up to 300 iterations a warp)."""
    binary: str = ""
    """Path of your own build of DenseFlow for the backend denseflow, the same on all machines."""

    def __post_init__(self) -> None:
        known = ("tvl1", "opencv", "dis", "farneback", "denseflow")
        _require(self.backend in known, f"flow.backend must be one of {', '.join(known)}")
        _require(self.preset in ("opencv", "denseflow"), "flow.preset must be opencv or denseflow")
        _require(0 < self.bound <= 1000, "flow.bound must be above 0 and at most 1000 pixels")
        if self.backend == "denseflow":
            _require(bool(self.binary), "flow: denseflow needs binary, the path of the program")
            _require(self.bound == int(self.bound), "flow.bound must be a whole number for denseflow")


@dataclass(frozen=True)
class SkeletonConfig:
    backend: str = "movenet"
    """movenet, blazepose, alphapose (`weights` needed) or alphapose-json (`results` needed)."""
    weights: str = ""
    """A FastPose checkpoint of AlphaPose for the backend alphapose; AlphaPose's own are for non-commercial use."""
    weights_sha256: str = ""
    """SHA-256 that the checkpoint must have."""
    decoding: str = "argmax"
    """Heatmaps to joints of FastPose: argmax, or integral for weights trained with symmetric integral regression."""
    boxes: str = "movenet"
    """People for FastPose: movenet, a folder with <clip>.json (for each frame a list of [x0, y0, x1, y1]), or your own
    detector as module:function, called with a frame [H, W, 3] and returning boxes [N, 4]."""
    results: str = ""
    """Folder with <clip>.json, each the alphapose-results.json of one clip, for the backend alphapose-json."""
    input_size: int = 256
    """Longer side of the estimator's input in pixels, a multiple of 32."""
    min_score: float = 0.2
    """A person counts as found in a frame from this mean joint score on."""
    min_found: float = 0.25
    """Clips with a person in a smaller share of frames are rejected as no-person."""
    max_gap: int = 8
    """Gaps of at most this many frames are interpolated and marked."""
    smooth: float = 0.0
    """Frames of the Gaussian over which joints are averaged, by score; 0 for as they were found."""
    others: bool = False
    """Whether to keep the skeletons of the other people who were followed."""

    def __post_init__(self) -> None:
        backends = ("movenet", "blazepose", "alphapose", "alphapose-json")
        _require(self.backend in backends, f"skeleton.backend must be one of {', '.join(backends)}")
        _require(self.decoding in ("argmax", "integral"), "skeleton.decoding must be argmax or integral")
        given = bool(self.weights and self.weights_sha256)
        _require(self.backend != "alphapose" or given, "skeleton: alphapose needs weights and weights_sha256")
        _require(self.backend != "alphapose-json" or bool(self.results), "skeleton: alphapose-json needs results")
        _require(self.input_size % 32 == 0 and self.input_size >= 128, "skeleton.input_size: a multiple of 32, >= 128")
        _require(0 <= self.min_score <= 1 and 0 <= self.min_found <= 1, "skeleton scores and shares are from 0 to 1")
        _require(self.max_gap >= 0, "skeleton.max_gap must not be negative")
        _require(self.smooth >= 0, "skeleton.smooth must not be negative")


@dataclass(frozen=True)
class ShardConfig:
    version: str = "0.1.0"
    """Semantic version of the dataset that `shards` writes: the first number goes up when what is published changes its
    form or the meaning of labels, the second when clips come, the third when they only go or are mended."""
    parent: str = ""
    """The version that it follows; empty for the highest lower one that is there. Clips stay in the parent's shards."""
    target_bytes: int = 256 * 10**6
    """Size that the largest column of a shard may reach."""

    def __post_init__(self) -> None:
        number = r"(0|[1-9][0-9]*)"
        _require(
            re.fullmatch(rf"{number}\.{number}\.{number}", self.version) is not None,
            "shard.version must look like 1.2.3",
        )
        _require(self.target_bytes >= 1, "shard.target_bytes must be positive")


@dataclass(frozen=True)
class SplitConfig:
    seed: int = 0
    """Sets which clips go to train, val and test."""


@dataclass(frozen=True)
class EngineConfig:
    memory_limit: str = "4GiB"
    """Memory of one worker; one that needs more is restarted and its item fails after three tries."""
    in_flight: int = 4
    """Tasks handed to the scheduler per worker at one time."""
    patience_s: float = 3 * 3600.0
    """Seconds for one item; a worker that hangs longer is restarted, and the item fails after three tries."""

    slurm_partition: str = ""
    """Partition that `--scheduler slurm` submits workers to; empty for the cluster's default."""
    slurm_account: str = ""
    """Account to charge; empty for the user's default."""
    slurm_cores: int = 4
    """Cores of one Slurm job; each runs this many workers of one core."""
    slurm_walltime: str = "08:00:00"
    """Time limit of one Slurm job."""
    slurm_extra: tuple[str, ...] = ()
    """Further #SBATCH lines, like "--gres=gpu:1"."""

    def __post_init__(self) -> None:
        _require(self.in_flight >= 1, "engine.in_flight must be at least 1")
        _require(self.patience_s > 0, "engine.patience_s must be positive")
        _require(self.slurm_cores >= 1, "engine.slurm_cores must be at least 1")


@dataclass(frozen=True)
class Config:
    """The whole file. The rgb payload is the clip itself, so `cut` configures it."""

    fetch: FetchConfig = field(default_factory=FetchConfig)
    cut: CutConfig = field(default_factory=CutConfig)
    detect: DetectConfig = field(default_factory=DetectConfig)
    rgbdiff: RgbdiffConfig = field(default_factory=RgbdiffConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    skeleton: SkeletonConfig = field(default_factory=SkeletonConfig)
    shard: ShardConfig = field(default_factory=ShardConfig)
    splits: SplitConfig = field(default_factory=SplitConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


def load(path: Path | None) -> Config:
    """Reads a TOML file; None gives the defaults. Raises ConfigError with file and key."""
    if path is None:
        return Config()
    return read_toml(Config, path)


def read_toml(shape: type[T], path: Path) -> T:
    """Reads a TOML file into a dataclass of dataclasses. Raises ConfigError with file and key."""
    values = read_values(path)
    try:
        return _build(shape, values, "")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def from_dict(shape: type[T], values: dict[str, Any]) -> T:
    """What `to_dict` gave, a manifest's `config` say, as the dataclass again. Raises ConfigError with the key."""
    return _build(shape, values, "")


def read_values(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises ConfigError with the file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: a folder, not a configuration file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file ({error})") from None


def _build(shape: type[T], values: dict[str, Any], prefix: str) -> T:
    types = get_type_hints(shape)
    known = {f.name for f in fields(shape)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - known):
        raise ConfigError(f"unknown key {prefix}{unknown[0]}; known here: {', '.join(sorted(known))}")
    return shape(**{name: _convert(types[name], value, f"{prefix}{name}") for name, value in values.items()})


def _convert(kind: Any, value: Any, name: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        _require(isinstance(value, dict), f"{name} must be a table")
        return _build(kind, value, f"{name}.")
    if get_origin(kind) is tuple:
        _require(isinstance(value, list), f"{name} must be a list")
        return tuple(_convert(get_args(kind)[0], item, name) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _require(type(value) is kind, f"{name} must be of type {kind.__name__}, not {value!r}")
    return value


def to_dict(config: Any) -> dict[str, Any]:
    """The configuration as plain data, for digests and the manifest."""
    return asdict(config)
