"""Versions shared, checked, compared and mended, on small ones written by the pipeline."""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import datasets
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry
from huggingface_hub import CommitOperationDelete, DatasetCard

sys.path.insert(0, str(Path(__file__).parents[1] / "dataset_card"))

from fixtures_versions import CLIPS, _sample, write_version

from annotations.tables import read_tables
from dataset_card import card
from dataset_card.version import open_version
from pipeline import shard
from pipeline.changes import changes
from pipeline.errors import UserError
from pipeline.ledger import Ledger
from pipeline.manifest import describe
from pipeline.release import read_release
from pipeline.versions import derive, hub, share, store
from pipeline.versions.store import Store
from pipeline.versions.takedown import take_down
from pipeline.versions.verify import verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_version(tmp_path_factory.mktemp("made"), CLIPS, ("rgb", "flow", "skeleton"))


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "dataset" / "0.3.0")
    return tmp_path / "dataset"


def problems(root: Path, absent: str = "") -> list[str]:
    return verify(Store(str(root)), absent)


def test_a_whole_version_has_no_problem(made: Path) -> None:
    assert problems(made) == []


def test_one_changed_byte_is_found_with_its_place(dataset: Path) -> None:
    root = dataset / "0.3.0"
    row = read_release(root).index.iloc[1]
    with (root / "skeleton-000000.tar").open("r+b") as tar:
        tar.seek(int(row["skeleton_offset"]) + 40)
        tar.write(b"!")
    found = problems(root)
    assert any("skeleton-000000.tar: SHA-256" in line for line in found)
    assert any(row["key"] in line for line in found) and len(found) == 2


def test_a_missing_tar_and_a_stray_one_are_found(dataset: Path) -> None:
    root = dataset / "0.3.0"
    (root / "flow-000001.tar").rename(root / "depth-000000.tar")
    found = "\n".join(problems(root))
    assert "flow-000001.tar: cannot be read" in found and "depth-000000.tar: a tar that" in found


def test_a_tier_without_pictures_holds_nothing_of_them(dataset: Path, tmp_path: Path) -> None:
    tier = derive.without_columns(read_release(dataset / "0.3.0"), ["rgb", "flow"], tmp_path / "tier")
    assert tier.manifest["tier"] == "without pictures" and tier.modalities == ("skeleton", "label")
    assert {p.name.split("-")[0] for p in tier.root.glob("*.tar")} == {"skeleton", "label"}
    assert not [c for c in tier.index if str(c).startswith(("rgb", "flow"))]
    assert '"flow"' not in json.dumps(tier.manifest) and "mp4" not in json.dumps(tier.manifest)
    assert problems(tier.root) == []


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "sources.csv").write_text(
        "id,url,licence,notes\nann,https://a.test/1,,\nbob,https://a.test/2,,\ncat,https://a.test/3,,\n"
    )
    (folder / "segments.csv").write_text("source,start,end,activity\nann,0,1,squat\nbob,0,1,squat\n")
    return folder


def test_a_takedown_leaves_nothing_and_rewrites_only_what_held_it(dataset: Path, tables: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for name in (
        "videos/bob.mp4",
        "videos/bob-lee.mp4",
        "clips/bob-lee-0000000-0001000.mp4",
        "clips/bob-0000000-0001000.mp4",
        "page/index.html",
        "explain/transm3e/bob-0000000-0001000.png",
        "predictions/videos/bob.mp4",
        "predictions/bob/prediction.mp4",
        "predictions/bob-0000000-0001000/prediction.json",
        "predictions/bob-lee/bob-lee.json",
        "skeletons/bob-0000000-0001000.mp4",
    ):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(b"x")
    before = read_release(dataset / "0.3.0")
    derive.without_columns(before, ["rgb", "flow"], tmp_path / "dataset-shared" / "0.3.0")
    untouched = {tar["sha256"] for m in before.modalities for tar in before.tars(m)[1:]}
    release, _ = take_down("bob", "asked by the author", tables, work, dataset)
    assert release is not None and (release.version, release.manifest["parent"]) == ("0.3.1", "0.3.0")
    assert release.manifest["changes"]["removed"] == {"rejected/not-allowed": 1}
    after = {tar["sha256"] for m in release.modalities for tar in release.tars(m)}
    assert untouched < after, "tars that held nothing of it are the same"
    assert problems(release.root, absent="bob") == []
    for path in release.root.glob("*.tar"):
        with tarfile.open(path) as tar:
            assert not [name for name in tar.getnames() if name.startswith("bob-")]
    assert not (dataset / "0.3.0").exists() and not (tmp_path / "dataset-shared" / "0.3.0").exists()
    assert "bob" not in (release.root / "manifest.json").read_text()
    left = ["bob-lee-0000000-0001000.mp4", "bob-lee.json", "bob-lee.mp4"]
    assert sorted(p.name for p in work.rglob("*") if p.is_file()) == left
    read = read_tables(sources_and_segments=tables)
    assert "bob" in read.takedowns and "bob" not in read.sources and len(read.segments) == 1
    assert take_down("bob", "asked by the author", tables, work, dataset) == (None, [])
    with pytest.raises(UserError, match="'nobody': not in"):
        take_down("nobody", "x", tables, work, dataset)


def test_the_card_tells_what_changed(dataset: Path, tables: Path, tmp_path: Path) -> None:
    release, _ = take_down("bob", "asked", tables, tmp_path / "work", dataset)
    assert release is not None
    version = open_version(release.root)
    text = card.text(version)
    version.close()
    assert "Changes since 0.3.0" in text and "| removed: `rejected/not-allowed` | 1 |" in text and "bob" not in text


def test_datasets_reads_a_column_by_itself(made: Path, tmp_path: Path) -> None:
    tars = [str(path) for path in sorted(made.glob("skeleton-*.tar"))]
    read = datasets.load_dataset("webdataset", data_files={"clips": tars}, split="clips", cache_dir=str(tmp_path))
    assert read["__key__"][:] == read_release(made).index["key"].tolist()


def test_verify_finds_what_was_taken_down(dataset: Path) -> None:
    assert any("bob" in line and "label" in line for line in problems(dataset / "0.3.0", absent="bob"))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("split_video_disjoint", ["train", "known-val"], "is on two sides of video-disjoint"),
        ("new", True, "is of a new activity and in train"),
        ("flow_frames", 7, "has another number of frames in flow"),
        ("muscles", "1" * 20, "the label of"),
    ],
)
def test_an_index_that_breaks_a_promise_is_found(dataset: Path, column: str, value: Any, words: str) -> None:
    """The index is written anew with its digest, so that only the promise is broken."""
    root = dataset / "0.3.0"
    release = read_release(root)
    index = release.index.copy()
    index["split_paper"] = "train"
    values = value if isinstance(value, list) else [value]
    index[column] = [values[row % len(values)] for row in range(len(index))]
    describe(root, index, release.manifest["modalities"], release.manifest)
    assert any(words in line for line in problems(root)), problems(root)


def test_a_new_version_shares_the_tars_that_did_not_change(made: Path, tmp_path: Path) -> None:
    columns = ("rgb", "flow", "skeleton", "label")
    work = made.parents[1]
    found = [_sample(clip, columns[:-1], work) for clip in CLIPS]
    relabelled = replace(found[0], label={**found[0].label, "muscles": [1] * 20})
    book = Ledger(tmp_path / "ledger.sqlite")
    parent = read_release(made)
    for samples, left in ((found, []), ([relabelled, *found[1:]], ["dataset/next/label-000000.tar"])):
        shards = shard.lay_out(samples, columns, 10**9, parent)
        plan = shard.plan(shards, columns, book, tmp_path, "dataset/next")
        attempts = shard.adopt(plan, shards, columns, parent, tmp_path, "dataset/next")
        assert sorted(set(plan.ready) - {attempt.item for attempt in attempts}) == left
        for attempt in attempts:
            assert (tmp_path / attempt.item).read_bytes() == (made / Path(attempt.item).name).read_bytes()
    book.close()


def test_changes_name_the_clips(dataset: Path, tmp_path: Path) -> None:
    before = read_release(dataset / "0.3.0")
    after = before.index.drop(index=[0]).copy()
    after.loc[1, "muscles"] = "1" * 20
    after.loc[2, "flow_sha256"] = "0" * 64
    found = changes(before.index, after, (), {before.index["key"][0]: "gone/private"})
    keys = before.index["key"].tolist()
    assert found.removed == {keys[0]: "gone/private"} and found.relabelled == [keys[1]]
    assert found.extracted == {"flow": [keys[2]]} and found.added == found.resplit == []


class Faulty(http.server.SimpleHTTPRequestHandler):
    """Breaks the connection in the middle of every third answer; knows no ranges."""

    count = 0

    def log_message(self, *arguments: object) -> None: ...

    def do_GET(self) -> None:
        Faulty.count += 1
        if Faulty.count % 3 == 0:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            super().do_GET()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A faulty server and the folder it serves."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = lambda *a: Faulty(*a, directory=str(folder))  # noqa: E731
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_pull_over_a_faulty_server_gives_whole_columns(
    dataset: Path, web: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PAUSE_S", 0.001)
    url, folder = web
    share.publish(dataset / "0.3.0", str(folder))
    root, moved = share.pull(url, tmp_path / "mine", "", ["skeleton"])
    assert {p.name.split("-")[0] for p in root.glob("*.tar")} == {"skeleton", "label"} and moved > 0
    assert problems(root) == []
    assert share.pull(url, tmp_path / "mine", "0.3.0", ["skeleton"])[1] == 0, "nothing moves twice"
    with pytest.raises(UserError, match="no version 9"):
        share.pull(url, tmp_path / "mine", "9.9.9", [])
    with pytest.raises(UserError, match="only for pulling"):
        share.publish(dataset / "0.3.0", url)


def test_publish_moves_what_changed_and_withdraws_what_was_taken_down(
    dataset: Path, tables: Path, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    whole = share.publish(dataset / "0.3.0", str(place))
    release, _ = take_down("bob", "asked", tables, tmp_path / "work", dataset)
    assert release is not None
    moved = share.publish(release.root, str(place))
    assert 0 < moved < whole
    assert list(json.loads((place / "versions.json").read_text())) == ["0.3.1"] and not (place / "0.3.0").exists()
    assert problems(place / "0.3.1", absent="bob") == []


class HubFiles(MemoryFileSystem):
    """Reads what the Hub holds."""

    protocol = "hf"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("hf://").strip("/")


class Hub:
    """The Hub's side of the calls that are made."""

    commits: ClassVar[list[str]] = []
    kept: ClassVar[dict[str, bytes]] = {}

    def create_repo(self, repo: str, **options: Any) -> None:
        assert options["private"], "pictures of people are not made public by a default"

    def create_commit(self, repo: str, operations: list[Any], **options: Any) -> None:
        files = HubFiles()
        for operation in operations:
            path = f"/datasets/{repo}/{operation.path_in_repo}"
            if isinstance(operation, CommitOperationDelete):
                files.rm(path.rstrip("/"), recursive=True)
            else:
                with operation.as_file() as stream:
                    data = stream.read()
                files.pipe_file(path, data)
                self.kept[hashlib.sha256(data).hexdigest()] = data
        self.commits.append(options["commit_message"])

    def super_squash_history(self, repo: str, **options: Any) -> None:
        del self.commits[:-1]

    def list_lfs_files(self, repo: str, **options: Any) -> list[SimpleNamespace]:
        return [SimpleNamespace(file_oid=digest) for digest in self.kept]

    def permanently_delete_lfs_files(self, repo: str, files: list[SimpleNamespace], **options: Any) -> None:
        for file in files:
            del self.kept[file.file_oid]


def test_the_hub_gets_one_commit_with_the_card_at_its_root(
    dataset: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_registry, "hf", HubFiles)
    monkeypatch.setattr(hub, "HfApi", Hub)
    place, root = "hf://datasets/me/muscles", dataset / "0.3.0"
    card.write(open_version(root))
    assert share.publish(root, place) > 0 and Hub.commits == ["Version 0.3.0"]
    assert problems(share.pull(place, tmp_path / "mine", "", [])[0]) == []
    assert share.publish(root, place) == 0, "nothing moves twice"

    release, _ = take_down("bob", "asked", tables, tmp_path / "work", dataset)
    assert release is not None
    card.write(open_version(release.root))
    share.publish(release.root, place)
    files = HubFiles()
    held = [path for path in files.find("/datasets/me/muscles") if "/0.3.0/" in path]
    assert held == [] and Hub.commits == ["Version 0.3.1"]
    assert not any(b"bob" in data for data in Hub.kept.values())
    data = DatasetCard(files.cat_file("/datasets/me/muscles/README.md").decode()).data.to_dict()
    for config in data["configs"]:
        (shown,) = config["data_files"]
        assert files.glob(f"/datasets/me/muscles/{shown['path']}"), "the viewer finds each column"
    with pytest.raises(UserError, match="owner/name"):
        share.publish(release.root, "hf://datasets/me/muscles/below")


def test_a_killed_pull_goes_on_and_damage_is_refused(dataset: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    share.publish(dataset / "0.3.0", str(place))
    (tar,) = [t for t in read_release(dataset / "0.3.0").tars("label") if t["name"].endswith("0.tar")]
    data = (place / "0.3.0" / tar["name"]).read_bytes()
    part = tmp_path / "mine" / "0.3.0" / f".{tar['name']}.{tar['sha256'][:12]}.partial"
    part.parent.mkdir(parents=True)
    part.write_bytes(data[:1000])
    sizes = sum(t["bytes"] for t in read_release(dataset / "0.3.0").tars("label"))
    root, moved = share.pull(str(place), tmp_path / "mine", "", ["label"])
    beside = sum((root / name).stat().st_size for name in ("index.parquet", "manifest.json"))
    assert moved == sizes + beside - 1000
    (place / "0.3.0" / tar["name"]).write_bytes(data[:-1] + b"!")
    with pytest.raises(UserError, match="not the bytes"):
        share.pull(str(place), tmp_path / "other", "", ["label"])
    assert not (tmp_path / "other" / "0.3.0" / "manifest.json").exists(), "the manifest comes last"


def test_s3(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    import s3fs

    try:
        s3fs.S3FileSystem().mkdir("shards")
        assert share.publish(dataset / "0.3.0", "s3://shards/musclemap") > 0
        assert share.publish(dataset / "0.3.0", "s3://shards/musclemap") == 0
        assert verify(Store("s3://shards/musclemap/0.3.0")) == []
        root, _ = share.pull("s3://shards/musclemap", tmp_path / "mine", "", [])
        assert problems(root) == []
    finally:
        server.stop()
