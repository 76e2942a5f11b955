"""A finished run, opened to be shown videos that no dataset holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from annotations.tables import PACKAGE_DIR, read_muscles
from pipeline import config as settings
from pipeline import extract
from pipeline.errors import UserError
from pipeline.folder import WINDOW_S
from pipeline.records import file_sha256
from pipeline.release import MANIFEST, Release, read_release
from training import checkpoint, device
from training.config import Config
from training.models import Model


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished run, and how the dataset was made that it learned from."""

    name: str
    config: Config
    model: Model
    fabric: Fabric
    release: Release
    settings: settings.Config
    weights: str
    """SHA-256 of best.pt."""
    muscles: Mapping[str, str]
    """slug → name, in the order of the probabilities."""

    @property
    def longest_s(self) -> float:
        """Of a part: as long as the dataset's longest clip, and not shorter than own videos are cut."""
        lengths = self.release.index["frames"] / self.release.index["fps"]
        return max(WINDOW_S, float(lengths.max()) + 0.1)

    def detail(self, modality: str) -> dict[str, Any]:
        """What the manifest says of all payloads of a modality."""
        detail: dict[str, Any] = self.release.manifest["modalities"].get(modality, {}).get("detail", {})
        return detail

    @property
    def identity(self) -> dict[str, str]:
        """What the probabilities depend on, but for the video."""
        return {
            "run": self.name,
            "model": self.config.model.name,
            "head": self.config.model.head,
            "config": self.config.digest(),
            "weights": self.weights,
            "views": self.config.data.averaged,
            "dataset": self.release.version,
            "manifest": file_sha256(self.release.root / MANIFEST),
        }


def open_run(folder: Path, dataset: Path) -> Trained:
    """The run in a folder; `dataset` is the version it was trained on, or a folder of versions with that one.

    Raises UserError if the run is missing or not finished, the version is not there, or what extracted it.
    """
    release = read_release(checkpoint.trained_on(folder, dataset))
    made = settings.from_dict(settings.Config, release.manifest["config"])
    if made.skeleton.backend == "alphapose-json":
        raise UserError(f"{release.root}: its skeletons are somebody's results of AlphaPose, which a new video has not")
    config, model = checkpoint.trained(folder)
    fabric = device.fabric(config)
    names = {muscle.slug: muscle.name for muscle in read_muscles(PACKAGE_DIR)}
    extract.check([*model.modalities, "skeleton"], made)
    return Trained(
        name=folder.name,
        config=config,
        model=model.to(fabric.device).eval(),
        fabric=fabric,
        release=release,
        settings=made,
        weights=file_sha256(folder / checkpoint.BEST),
        muscles={slug: names.get(slug, slug) for slug in release.manifest["muscles"]},
    )
