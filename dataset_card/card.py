"""The dataset card: README.md with the Hub's metadata in front, croissant.json and the figures beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData

from dataset_card import croissant, figures, leaks, sections
from dataset_card.version import Version
from pipeline.files import write_bytes, write_text
from pipeline.records import PICTURES

CARD = "README.md"
CROISSANT = "croissant.json"
SPLIT = "clips"
"""Name under which `datasets` lists all clips of a configuration: tars do not follow the protocols' splits."""

SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"))
"""Upper bounds of the Hub's size categories."""


def write(version: Version) -> list[Path]:
    """Writes card, Croissant and figures into the version's folder; returns their paths."""
    written = []
    for name, data in figures.draw(version).items():
        path = version.root / "figures" / name
        write_bytes(path, data)
        written.append(path)
    write_text(version.root / CROISSANT, croissant.document(version))
    write_text(version.root / CARD, text(version))
    return [version.root / CARD, version.root / CROISSANT, *written]


def text(version: Version) -> str:
    """The whole README.md."""
    body = [
        f"# MuscleMap {sections.escape(version.manifest['version'])}",
        sections.summary(version),
        sections.labels(version),
        sections.splits(version, leaks.read(version)),
        sections.composition(version),
        *sections.changes(version),
        sections.modalities(version),
        sections.reading(version),
        sections.uses(version),
        sections.licences(version),
        sections.takedown(),
        sections.citation(),
        f"Made by version {sections.escape(version.manifest['code'])} of the code"
        f"{_parent(version.manifest)}. This card is generated from `manifest.json`, `index.parquet` and the labels.",
    ]
    return str(DatasetCard(f"---\n{metadata(version).to_yaml()}\n---\n\n" + "\n\n".join(body) + "\n"))


def metadata(version: Version) -> DatasetCardData:
    """The YAML in front; a configuration for each column that is here. (All must be of one format: no index.)

    The licence is Apache-2.0 only where no picture of a video is in the version.
    """
    shown = any(m in version.manifest["modalities"] for m in PICTURES)
    columns = ["label", *version.dataset.modalities]
    configs: list[dict[str, Any]] = [
        {"config_name": m, "data_files": [{"split": SPLIT, "path": f"{m}-*.tar"}]} for m in columns
    ]
    configs[0]["default"] = True
    return DatasetCardData(
        pretty_name="MuscleMap",
        license="other" if shown else "apache-2.0",
        license_name="videos-belong-to-their-authors" if shown else None,
        annotations_creators="other",
        source_datasets=["original"],
        size_categories=next((name for limit, name in SIZES if version.manifest["clips"] < limit), "n>1M"),
        task_categories=["video-classification"],
        tags=["muscle-groups", "multi-label", "exercise", "webdataset", "croissant", *version.dataset.modalities],
        configs=configs,
    )


def _parent(manifest: dict[str, Any]) -> str:
    return f", from version {sections.escape(manifest['parent'])}" if manifest["parent"] else ""
