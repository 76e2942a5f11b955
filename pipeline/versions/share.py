"""Publish and pull versions over fsspec. A place holds one folder a version and `versions.json`, written last.

Only what is not there yet moves: a tar of another version with the same SHA-256 is copied where it lies. A reader finds
a version in `versions.json` once it is whole; what arrives is checked by its SHA-256 before it gets its name.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.changes import tombstone
from pipeline.errors import UserError
from pipeline.files import locked, replacing, share, write_bytes
from pipeline.progress import bar
from pipeline.records import file_sha256
from pipeline.release import MANIFEST, Release, number, read_release, versions_in
from pipeline.versions import hub
from pipeline.versions.store import Store

CATALOG = "versions.json"
CHUNK = 8 * 2**20
AT_ONCE = 4
CARD = ("README.md", "croissant.json", "figures/*.png")
"""What lies beside the data and the manifest does not name."""

File = dict[str, Any]


def publish(root: Path, to: str) -> int:
    """Copies a version to a place; returns how many bytes moved. Raises UserError.

    Versions there that still hold what is taken down since are removed.
    """
    release, place = read_release(root), Store(to)
    if place.fs.protocol in ("http", ("http", "https")):
        raise UserError(f"{to}: HTTP is only for pulling; publish to a folder, s3:// or hf://")
    catalog = _catalog(place)
    files = [*_named(release, release.modalities), *_beside(root), _file(root, MANIFEST)]
    published = catalog.get(release.version)
    if published and _sha(published, MANIFEST) != files[-1]["sha256"]:
        raise UserError(f"{to}: version {release.version} is published with other content; raise shard.version")
    there = {file["sha256"]: f"{version}/{file['name']}" for version, held in catalog.items() for file in held}
    buried = set(release.manifest.get("tombstones", ()))
    stale = [version for version in catalog if version != release.version and _holds(place.below(version), buried)]
    listed = {v: held for v, held in catalog.items() if v not in stale} | {release.version: files}
    if "hf" in place.fs.protocol:
        return _publish_on_hub(root, to, release.version, catalog, listed)
    moved = _all("publish", files[:-1], partial(_put, root, place, release.version, there))
    moved += _put(root, place, release.version, there, files[-1])
    _write(place, CATALOG, _listing(listed))
    for version in stale:
        place.fs.rm(place.path(version), recursive=True)
    return moved


def _publish_on_hub(
    root: Path, to: str, version: str, before: dict[str, list[File]], after: dict[str, list[File]]
) -> int:
    """`publish` in one commit; what only withdrawn versions held leaves the history too."""
    files, old = after[version], {file["sha256"] for held in before.values() for file in held}
    for file in files:
        _unchanged(root, file)
    card = hub.root_card(root, version) if version == max(after, key=number) else {}
    gone = [held for held in before if held not in after]
    hub.commit(to, root, version, [file["name"] for file in files], card | {CATALOG: _listing(after)}, gone)
    if gone:
        hub.forget(to, old - {file["sha256"] for held in after.values() for file in held})
    return sum(int(file["bytes"]) for file in files if file["sha256"] not in old)


def _listing(catalog: dict[str, list[File]]) -> bytes:
    return (json.dumps(catalog, indent=1) + "\n").encode()


def _unchanged(root: Path, file: File) -> None:
    if file_sha256(root / file["name"]) != file["sha256"]:
        raise UserError(f"{root / file['name']}: not what {MANIFEST} says; `make verify`")


def pull(source: str, dataset: Path, version: str, modalities: Sequence[str]) -> tuple[Path, int]:
    """Copies a version (or the newest, for "") with these columns (or all) into `dataset`; its folder, bytes moved."""
    place = Store(source)
    catalog = _catalog(place)
    if not catalog:
        raise UserError(f"{source}: no {CATALOG} here; name the place that was published to")
    chosen = version or max(catalog, key=number)
    if chosen not in catalog:
        raise UserError(f"{source}: no version {chosen}; there are {', '.join(sorted(catalog, key=number))}")
    release = place.below(chosen).release()
    wanted = list(dict.fromkeys([*modalities, "label"])) if modalities else list(release.modalities)
    if unknown := [m for m in wanted if m not in release.modalities]:
        raise UserError(f"{source}: version {chosen} has no {unknown[0]}; it has {', '.join(release.modalities)}")
    named = {file["name"] for file in _named(release, release.modalities)} | {MANIFEST}
    files = [*_named(release, wanted), *(file for file in catalog[chosen] if file["name"] not in named)]
    manifest = next(file for file in catalog[chosen] if file["name"] == MANIFEST)
    folder = dataset / chosen
    with locked(dataset, "dataset folder"):
        here = {tar["sha256"]: path / tar["name"] for path in versions_in(dataset) for tar in _local(path)}
        moved = _all("pull", files, partial(_get, place.below(chosen), folder, here))
        moved += _get(place.below(chosen), folder, {}, manifest)
    return folder, moved


def _named(release: Release, modalities: Sequence[str]) -> list[File]:
    return [{key: file[key] for key in ("name", "sha256", "bytes")} for file in release.files(modalities)]


def _local(path: Path) -> list[File]:
    release = read_release(path)
    return [tar for tar in release.files(release.modalities) if (path / tar["name"]).is_file()]


def _beside(root: Path) -> list[File]:
    return [_file(root, str(path.relative_to(root))) for pattern in CARD for path in sorted(root.glob(pattern))]


def _file(root: Path, name: str) -> File:
    return {"name": name, "sha256": file_sha256(root / name), "bytes": (root / name).stat().st_size}


def _sha(files: Sequence[File], name: str) -> str:
    return next((str(file["sha256"]) for file in files if file["name"] == name), "")


def _catalog(place: Store) -> dict[str, list[File]]:
    if not place.patiently(CATALOG, lambda: place.fs.exists(place.path(CATALOG))):
        return {}
    catalog: dict[str, list[File]] = json.loads(place.read(CATALOG))
    return catalog


def _holds(place: Store, tombstones: set[str]) -> bool:
    return any(tombstone(source) in tombstones for source in place.release().index["source"].unique())


def _all(title: str, files: Sequence[File], move: Any) -> int:
    """Moves files, some at once; returns the bytes. The first error ends it when those on the way are done."""
    with bar(title, len(files), "files") as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        moved = 0
        for count in pool.map(move, files):
            moved += count
            progress.advance()
        return moved


def _put(root: Path, place: Store, version: str, there: dict[str, str], file: File) -> int:
    name, size = f"{version}/{file['name']}", file["bytes"]
    if there.get(file["sha256"]) == name or _same(place, name, file):
        return 0
    if other := there.get(file["sha256"]):
        place.fs.makedirs(place.path(name).rsplit("/", 1)[0], exist_ok=True)
        place.patiently(name, lambda: place.fs.cp_file(place.path(other), place.path(name)))
        return 0
    _unchanged(root, file)
    _write(place, name, root / file["name"])
    if not _same(place, name, file):
        raise UserError(f"{place.url}/{name}: arrived damaged; run the same command again")
    return int(size)


def _same(place: Store, name: str, file: File) -> bool:
    """Whether the file lies there with these bytes; read only if its size is right."""
    if not place.fs.exists(place.path(name)) or place.fs.size(place.path(name)) != file["bytes"]:
        return False
    with place.open(name) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == str(file["sha256"])


def _write(place: Store, name: str, content: bytes | Path) -> None:
    """Writes a whole file: where a reader could see half of one, under another name first."""
    path = place.path(name)
    if isinstance(content, Path) and "file" in place.fs.protocol:
        with replacing(Path(path)) as part:
            shutil.copyfile(content, part)
    elif "file" in place.fs.protocol:
        write_bytes(Path(path), content if isinstance(content, bytes) else content.read_bytes())
    elif isinstance(content, Path):
        place.patiently(name, lambda: place.fs.put_file(str(content), path))
    else:
        place.patiently(name, lambda: place.fs.pipe_file(path, content))


def _get(place: Store, folder: Path, here: dict[str, Path], file: File) -> int:
    """One file, from another version here or from the place; it goes on where a killed pull stopped."""
    target, size, sha = folder / file["name"], int(file["bytes"]), str(file["sha256"])
    if target.is_file() and target.stat().st_size == size and file_sha256(target) == sha:
        return 0
    if sha in here and file_sha256(here[sha]) == sha:
        share(here[sha], target)
        return 0
    part = target.with_name(f".{target.name}.{sha[:12]}.partial")
    part.parent.mkdir(parents=True, exist_ok=True)
    moved = 0
    for _ in range(2):
        with part.open("ab") as stream:
            while (offset := stream.tell()) < size:
                end = min(offset + CHUNK, size)
                data = place.patiently(file["name"], partial(_range, place, file["name"], offset, end, size))
                stream.write(data)
                moved += len(data)
        if file_sha256(part) == sha:
            part.replace(target)
            return moved
        part.unlink()
    raise UserError(f"{place.url}/{file['name']}: not the bytes that the version names; tell who published it")


def _range(place: Store, name: str, start: int, end: int, size: int) -> bytes:
    """Bytes of a remote file, also of a server that knows no ranges and gives it whole."""
    data: bytes = place.fs.cat_file(place.path(name), start=start, end=end)
    if len(data) == size and size != end - start:
        return data[start:end]
    if not data or len(data) > end - start:
        raise OSError(f"{len(data)} bytes in place of {end - start}")
    return data
