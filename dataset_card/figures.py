"""Figures of the card as PNG files, drawn from index and labels; the same version gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from annotations.splits import PROTOCOLS, SPLITS, UNUSED
from dataset_card.version import Version

COLOURS = dict(zip((*SPLITS, UNUSED), ("#0072b2", "#e69f00", "#d55e00", "#56b4e9", "#009e73", "#999999"), strict=True))
"""Split → colour, told apart by colour-blind people too (Okabe and Ito, 2008)."""

KNOWN, NEW = COLOURS["train"], COLOURS["new-test"]
DPI = 120


def draw(version: Version) -> dict[str, bytes]:
    """File name → PNG bytes."""
    with fixed_style():
        return {
            "muscles.png": _png(muscles(version)),
            "activities.png": _png(activities(version)),
            "lengths.png": _png(lengths(version)),
            "sources.png": _png(sources(version)),
        }


def muscles(version: Version) -> Figure:
    """Clips in which each muscle group is active, stacked by split, a panel a protocol; last its activities.

    Samples and activities per muscle group are figure 2 of the paper.
    """
    figure = Figure(figsize=(12, 6), layout="constrained")
    *panels, last = figure.subplots(1, len(PROTOCOLS) + 1, sharey=True)
    names = [name.replace("-", " ") for name in version.manifest["muscles"]]
    places = np.arange(len(names))
    for panel, protocol in zip(panels, PROTOCOLS, strict=True):
        left = np.zeros(len(names))
        for split, counts in version.muscle_counts(protocol).items():
            panel.barh(places, counts, left=left, color=COLOURS[str(split)], label=str(split), height=0.75)
            left += counts.to_numpy()
        panel.set_title(protocol)
        panel.set_xlabel("clips")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    last.barh(places, list(version.muscle_activities().values()), color="0.5", height=0.75)
    last.set_title("all splits")
    last.set_xlabel("activities")
    last.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_yticks(places, names)
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def activities(version: Version) -> Figure:
    """Clips of each activity, most first."""
    new = set(version.index.loc[version.index["new"], "activity"])
    counts = sorted(version.manifest["activities"].items(), key=lambda pair: (-pair[1], pair[0]))
    figure = Figure(figsize=(8, 1.2 + 0.2 * len(counts)), layout="constrained")
    panel = figure.subplots()
    for kind, colour in (("known", KNOWN), ("new", NEW)):
        rows = [(i, n) for i, (name, n) in enumerate(counts) if (name in new) == (kind == "new")]
        if rows:
            places, sizes = zip(*rows, strict=True)
            panel.barh(places, sizes, color=colour, label=kind, height=0.75)
    panel.set_yticks(range(len(counts)), [name for name, _ in counts])
    panel.set_ylim(len(counts) - 0.4, -0.6)
    panel.set_xlabel("clips")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return figure


def lengths(version: Version) -> Figure:
    """How long the clips are."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    panel = figure.subplots()
    seconds = version.seconds.to_numpy()
    panel.hist(seconds, bins=min(40, max(5, len(seconds) // 3)), color=KNOWN, edgecolor="white")
    panel.set_xlim(left=0)
    panel.set_xlabel("length of a clip in seconds")
    panel.set_ylabel("clips")
    panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def sources(version: Version) -> Figure:
    """How many clips a source video gives, and what became of the segments that are listed."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    counts = version.index["source"].value_counts().value_counts().sort_index()
    left.bar(counts.index, counts, color=KNOWN, width=0.9)
    left.set_xlabel("clips of a source video")
    left.set_ylabel("source videos")
    outcomes = version.availability()
    right.barh(range(len(outcomes)), list(outcomes.values()), color=KNOWN, height=0.75)
    right.set_yticks(range(len(outcomes)), list(outcomes))
    right.invert_yaxis()
    right.set_xlabel("listed segments")
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    return figure


@contextmanager
def fixed_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's matplotlibrc says; names are never read as formulas."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {"text.parse_math": False, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
        )
        yield


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
