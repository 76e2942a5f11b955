"""croissant.json, checked and read by mlcroissant."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
import webdataset
from fixtures_versions import HOSTILE_CLIPS, write_version

from dataset_card import croissant
from dataset_card.version import open_version

ENDINGS = {"label": "json", "rgb": "mp4", "rgbdiff": "mp4", "flow": "mp4"}
"""Of the columns that mlcroissant can read: it takes a tar that ends in an npz for a zip."""


@pytest.fixture(scope="module")
def described(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return describe(shutil.copytree(full, tmp_path_factory.mktemp("described") / "version"))


def describe(folder: Path) -> Path:
    version = open_version(folder)
    (folder / "croissant.json").write_text(croissant.document(version))
    version.close()
    return folder


def read(folder: Path, records: str) -> list[dict[str, Any]]:
    """The records, names without the record set's, and bytes as they are."""
    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    return [{k.split("/")[1]: v for k, v in record.items()} for record in dataset.records(records)]


def column(folder: Path, modality: str) -> dict[str, bytes]:
    """key → payload, by webdataset."""
    tars = [str(path) for path in sorted(folder.glob(f"{modality}-*.tar"))]
    ending = ENDINGS[modality]
    return {s["__key__"]: s[f"{modality}.{ending}"] for s in webdataset.WebDataset(tars, shardshuffle=False)}


def test_it_validates(described: Path) -> None:
    metadata = mlcroissant.Dataset(jsonld=str(described / "croissant.json")).metadata
    assert not metadata.ctx.issues.errors
    # A version has no date, so that the same version has the same bytes.
    assert all("datePublished" in warning for warning in metadata.ctx.issues.warnings)
    assert (metadata.name, str(metadata.version)) == ("musclemap-0.3.0", "0.3.0")


def test_every_file_has_its_digest_and_size(described: Path) -> None:
    distribution = json.loads((described / "croissant.json").read_text())["distribution"]
    files = [part for part in distribution if part["@type"] == "cr:FileObject"]
    expected = {path.name for path in described.iterdir() if path.suffix in (".tar", ".parquet")} | {"manifest.json"}
    assert {file["contentUrl"] for file in files} == expected
    for file in files:
        data = (described / file["contentUrl"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert file["contentSize"] == f"{len(data)} B"


def test_mlcroissant_reads_the_clips(described: Path) -> None:
    clips = read(described, "clips")
    held = column(described, "label")
    assert [clip["key"].decode() for clip in clips] == list(held)
    for clip in clips:
        label = json.loads(held[clip["key"].decode()])
        assert clip["activity"].decode() == label["activity"]
        assert clip["new"] == label["new"]
        assert clip["split_video_disjoint"].decode() == label["splits"]["video-disjoint"]
        assert clip["split_paper"].decode() == label["splits"]["paper"]


@pytest.mark.parametrize("modality", ENDINGS)
def test_mlcroissant_reads_payloads_with_their_keys(described: Path, modality: str) -> None:
    records = {record["key"].decode(): record["payload"] for record in read(described, modality)}
    assert records == column(described, modality)


def test_muscles_are_listed_in_the_order_of_the_vector(described: Path) -> None:
    names = {record["index"]: record["name"] for record in read(described, "muscles")}
    assert len(names) == 20
    for data in column(described, "label").values():
        label = json.loads(data)
        assert label["names"] == [names[i] for i, active in enumerate(label["muscles"]) if active]


def test_hostile_names_leave_it_valid(tmp_path: Path) -> None:
    folder = describe(write_version(tmp_path, HOSTILE_CLIPS, ("skeleton",)))
    assert not mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).metadata.ctx.issues.errors
    assert [record["key"].decode() for record in read(folder, "clips")] == [clip.key for clip in HOSTILE_CLIPS]
