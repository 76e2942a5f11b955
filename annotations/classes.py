"""Class names of other datasets as activities, for those who have the videos: UCF101 and HMDB51."""

from __future__ import annotations

import re

from annotations import rules
from annotations.rules import TableError
from annotations.tables import PACKAGE_DIR, read_activities

ORIGINS = {
    "ucf101": r"v_(?P<origin>{label}_g\d+)_c\d+",
    "hmdb51": r"(?P<origin>.+)_{label}_[hulf]_[nc]m_np\d+_(?:fr|ba|le|ri)_(?:bad|med|goo)_\d+",
}
"""How each dataset names its clips: the group or film that a clip was cut out of, then its class and properties."""


def read_classes(dataset: str) -> dict[str, str]:
    """Class → activity, "" where no activity is the same. Raises TableError for an unknown dataset."""
    path = PACKAGE_DIR / "classes" / f"{dataset}.csv"
    if dataset not in ORIGINS:
        raise TableError(f"{path}:1: no classes of {dataset!r}; there are {' and '.join(ORIGINS)}")
    rows = rules.read_rows(path, ("class", "activity", "note"))
    rules.unique(rows, ("class",))
    activities = {"": "", **{name: name for name in read_activities(PACKAGE_DIR)}}
    return {rules.text(row, "class"): rules.one_of(row, "activity", activities, "activities.csv") for row in rows}


def origin_of(dataset: str, label: str, stem: str) -> str:
    """The longer video that the clip named `stem` was cut out of; "" if its name does not say."""
    if dataset not in ORIGINS:
        return ""
    match = re.fullmatch(ORIGINS[dataset].format(label=re.escape(label)), stem)
    return f"{dataset}-{match['origin']}" if match else ""
