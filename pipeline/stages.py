"""The stages in their order: what each has left, and running it. `cli.py` calls these, one function a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from annotations.splits import PROTOCOLS, assign, sources_with_known
from annotations.tables import Tables
from pipeline import cut, detect, extract, fetch, manifest, probe, shard
from pipeline.cluster import Engine
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.ledger import Ledger
from pipeline.pose import export
from pipeline.records import EXTRACTED, Clip
from pipeline.release import Release, number, read_release, versions_in
from pipeline.run import Plan, Task, run, run_politely

RECOMMENDED = "video-disjoint"
"""The split protocol of exports."""


@dataclass(frozen=True)
class Project:
    """What every stage needs: the work folder, the tables, the configuration and the ledger."""

    work: Path
    tables: Tables
    config: Config
    ledger: Ledger


def plans(project: Project, modalities: Sequence[str] = EXTRACTED) -> dict[str, Plan]:
    """The state of all inputs in fetch, cut and the given modalities, from the tables and the ledger."""
    work, config = project.work, project.config
    fetched = fetch.plan(project.tables, project.ledger, work, config.fetch)
    clips = cut.plan(project.tables, fetched, project.ledger, work, config.cut)
    payloads = {m: extract.plan(m, clips, project.ledger, work, config) for m in modalities}
    return {fetch.STAGE: fetched, cut.STAGE: clips, **payloads}


def splits(project: Project) -> dict[str, dict[str, str]]:
    """protocol → clip key → split, for every segment of the tables.

    A split that the tables give, as the official lists do, takes the place of the drawn one under `paper`.
    """
    tables = project.tables
    given = {cut.key_of(segment): split for segment, split in tables.splits.items()}
    is_new = {segment: tables.activities[segment.activity].new for segment in tables.segments}
    origin = {segment: tables.sources[segment.source].origin or segment.source for segment in tables.segments}
    with_known = sources_with_known((origin[segment], new) for segment, new in is_new.items())
    drawn = {
        protocol: {
            (key := cut.key_of(s)): assign(
                protocol, project.config.splits.seed, origin[s], key, new, origin[s] in with_known
            )
            for s, new in is_new.items()
        }
        for protocol in PROTOCOLS
    }
    return {**drawn, "paper": drawn["paper"] | given}


def run_fetch(project: Project, engine: Engine) -> None:
    """Downloads the sources that are left."""
    left = plans(project, ())[fetch.STAGE]
    fetch.sweep(left, project.work)
    tasks = fetch.tasks(left, project.tables, project.work, project.config.fetch)
    _ask_site("download", tasks, "videos", project, engine)


def run_probe(project: Project, engine: Engine) -> str:
    """Asks which sources still exist; returns the account in one line."""
    before = project.ledger.latest(probe.STAGE)
    tasks = probe.tasks(project.tables, project.work, project.config.fetch)
    _ask_site("probe", tasks, "sources", project, engine)
    return probe.summary(before, project.ledger.latest(probe.STAGE))


def _ask_site(title: str, tasks: list[Task], unit: str, project: Project, engine: Engine) -> None:
    run_politely(title, tasks, engine, project.ledger, unit, project.config.fetch, fetch.flag(project.work))


def run_detect(project: Project, engine: Engine) -> tuple[Plan, Path, int]:
    """Looks for clips in the videos without segments; the stage's plan, the table of proposals and its rows."""
    fetched = plans(project, ())[fetch.STAGE]
    arguments = (fetched, project.ledger, project.work, project.config)
    left = detect.plan(project.tables, *arguments)
    run("detect", detect.tasks(left, fetched, project.work, project.config), engine, project.ledger, "videos")
    found = detect.plan(project.tables, *arguments)
    return found, *detect.collect(found, project.work)


def run_cut(project: Project, engine: Engine) -> None:
    """Cuts the segments that are left of the videos that are there."""
    found = plans(project, ())
    tasks = cut.tasks(found[cut.STAGE], project.tables, found[fetch.STAGE], project.work, project.config.cut)
    run("cut", tasks, engine, project.ledger, "clips")


def run_extract(project: Project, engine: Engine, modalities: Sequence[str]) -> None:
    """Computes the payloads that are left of the clips that are there."""
    extract.check(modalities, project.config)
    found = plans(project, modalities)
    on_gpu = project.config.flow.backend in extract.GPU_FLOW and engine.offers("GPU")
    tasks = extract.tasks([found[m] for m in modalities], found[cut.STAGE], project.work, project.config, on_gpu)
    title = "extract" if len(modalities) > 1 else f"extract {modalities[0]}"
    run(title, tasks, engine, project.ledger, extract.unit(modalities))


def run_shards(project: Project, engine: Engine, modalities: Sequence[str]) -> Path:
    """Writes the shards that are left, the index and the manifest; returns the version's folder."""
    columns = shard.check_modalities(modalities)
    found = plans(project, [m for m in columns if m != "label"])
    payloads = {m: found[m] for m in columns if m != "label"}
    ready, failures = shard.samples(project.tables, splits(project), payloads)
    if not ready:
        raise UserError(f"{project.work}: no clip has all of {', '.join(columns)}; `make status` says what is missing")
    folder = f"dataset/{project.config.shard.version}"
    parent = _parent(project)
    shards = shard.lay_out(ready, columns, project.config.shard.target_bytes, parent)
    left = shard.plan(shards, columns, project.ledger, project.work, folder)
    if parent:
        project.ledger.append(shard.adopt(left, shards, columns, parent, project.work, folder))
        left = shard.plan(shards, columns, project.ledger, project.work, folder)
    run("shards", shard.tasks(left, shards, columns, project.work, folder), engine, project.ledger, "tars")
    left = shard.plan(shards, columns, project.ledger, project.work, folder)
    if left.left or left.failed:
        raise UserError(f"{folder}: {left.left + len(left.failed)} tars are not written; run the same command again")
    files = [left.record(item, shard.ShardFile) for item in sorted(left.done)]
    arguments = (files, failures, project.tables, project.config, columns, parent)
    manifest.write(project.work / folder, shards, *arguments)
    return project.work / folder


def _parent(project: Project) -> Release | None:
    """The version that the one to write follows: `shard.parent`, or the highest lower one that is there."""
    config = project.config.shard
    made = versions_in(project.work / "dataset")
    if config.parent:
        root = project.work / "dataset" / config.parent
        if root not in made:
            raise UserError(f"{root}: the parent version is not there; pull it, or change shard.parent")
        return read_release(root)
    if made and number(made[-1].name) > number(config.version):
        raise UserError(f"{made[-1]} is newer than version {config.version}; raise shard.version in the configuration")
    lower = [path for path in made if number(path.name) < number(config.version)]
    return read_release(lower[-1]) if lower else None


def export_skeletons(project: Project, form: str) -> Path:
    """Writes the extracted skeletons in another tool's format; labels are the activities' places in their table."""
    done = plans(project, ["skeleton"])
    extracted = done["skeleton"].done
    clips = {key: done[cut.STAGE].record(key, Clip) for key in extracted if key in done[cut.STAGE].done}
    numbers = {slug: number for number, slug in enumerate(project.tables.activities)}
    labels = {cut.key_of(segment): numbers[segment.activity] for segment in project.tables.segments}
    return export.export(form, clips, labels, splits(project)[RECOMMENDED], project.work)
