"""Probe: which sources still exist. Each run asks all of them again and adds an attempt to their history."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotations.tables import Source, Tables
from pipeline import child, fetch
from pipeline.config import FetchConfig
from pipeline.errors import Failure
from pipeline.records import Attempt, digest
from pipeline.run import Goal, Task

STAGE = "probe"
VERSION = 1


@dataclass(frozen=True)
class Page:
    """What the page of a source says of it; `seconds` is its length, None where it does not say."""

    id: str
    title: str
    uploader: str
    licence: str
    seconds: float | None


def tasks(tables: Tables, work: Path, config: FetchConfig) -> list[Task]:
    """One task for each source that is not taken down. Raises UserError for a cookies file that is not there."""
    fetch.check_cookies(config)
    return [
        Task({(STAGE, name): digest(STAGE, VERSION, name)}, functools.partial(_call, source, work, config))
        for name, source in sorted(tables.sources.items())
        if name not in tables.takedowns
    ]


def _call(source: Source, work: Path, config: FetchConfig, turn: int = 0) -> dict[Goal, Any]:
    return {(STAGE, source.id): probe(source, work, config, turn)}


def probe(source: Source, work: Path, config: FetchConfig, turn: int = 0) -> Page | Failure:
    """Asks a source's page, and downloads nothing. `turn` counts earlier tries in this run."""
    asked = fetch.request("look", source.url, config, source.id, turn, fetch.flag(work))
    reply = child.ask(asked, config.deadline_s)
    if isinstance(reply, Failure):
        return reply
    video = reply["video"]
    return Page(source.id, video["title"], video["uploader"], video["licence"], video["seconds"])


def summary(before: Mapping[str, Attempt], after: Mapping[str, Attempt]) -> str:
    """The account of a probe in one line, from the last attempts before and after it."""
    asked = {item: attempt for item, attempt in after.items() if attempt != before.get(item)}
    reasons = Counter(attempt.reason or "there" for attempt in asked.values())
    parts = " + ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda p: p[0] != "there"))
    changed = sum(item in before and before[item].reason != attempt.reason for item, attempt in asked.items())
    ending = f"; {changed} changed since they were last asked" if any(item in before for item in asked) else ""
    return f"probe: {len(asked)} sources asked" + (f" = {parts}" if parts else "") + ending
