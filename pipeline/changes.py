"""What changed from one version to another, clip by clip, from their two indexes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.errors import Reason

UNLISTED = "not listed any more"
"""Why a clip is gone of which nothing says more: its segment left the tables."""


@dataclass(frozen=True)
class Changes:
    """Keys by what happened to them; `removed` and `extracted` also say why and in which modality.

    A clip is relabelled if its activity or muscle groups changed, and resplit if it is in another split.
    """

    added: list[str]
    removed: dict[str, str]
    relabelled: list[str]
    resplit: list[str]
    extracted: dict[str, list[str]]

    @property
    def counts(self) -> dict[str, Any]:
        """Numbers alone: the keys of clips that were taken down must not live on in a changelog."""
        return {
            "added": len(self.added),
            "removed": dict(sorted(Counter(self.removed.values()).items())),
            "relabelled": len(self.relabelled),
            "resplit": len(self.resplit),
            "re-extracted": {modality: len(keys) for modality, keys in self.extracted.items()},
        }


def tombstone(source: str) -> str:
    """What is published of a source that was taken down: the SHA-256 of its id, so that only who knows it finds it."""
    return hashlib.sha256(source.encode()).hexdigest()


def changes(
    before: pd.DataFrame, after: pd.DataFrame, tombstones: Collection[str], failures: Mapping[str, str] | None = None
) -> Changes:
    """From two indexes. `failures` gives the reason of clips that did not come through, by key."""
    old, new = before.set_index("key"), after.set_index("key")
    gone = old.loc[old.index.difference(new.index), "source"]
    buried = {source for source in gone.unique() if tombstone(source) in tombstones}
    removed = {
        str(key): Reason.NOT_ALLOWED.value if source in buried else (failures or {}).get(str(key), UNLISTED)
        for key, source in gone.items()
    }
    both = old.index.intersection(new.index)
    old, new = old.loc[both], new.loc[both]

    def differ(columns: Collection[str]) -> list[str]:
        shared = [name for name in columns if name in old and name in new]
        return sorted(both[(old[shared] != new[shared]).any(axis=1)])

    names = [str(name) for name in new]
    payloads = [name.removesuffix("_sha256") for name in names if name.endswith("_sha256") and name != "label_sha256"]
    extracted = {modality: differ([f"{modality}_sha256"]) for modality in payloads}
    return Changes(
        added=sorted(set(after["key"]) - set(before["key"])),
        removed=removed,
        relabelled=differ(["activity", "muscles"]),
        resplit=differ([name for name in names if name.startswith("split_")]),
        extracted={modality: keys for modality, keys in extracted.items() if keys},
    )
