"""Figure 2 of the paper for a version of the dataset: clips and activities in which each muscle group is active."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.reader import Dataset


@dataclass(frozen=True)
class Counts:
    """Of each muscle group, in order: its name, the clips and the activities in which it is active."""

    muscles: Sequence[str]
    clips: Sequence[int]
    activities: Sequence[int]


def count(dataset: Dataset) -> Counts:
    """Over all clips, whatever their split."""
    labels = [dataset.label(row) for row in range(len(dataset))]
    muscles = dataset.manifest["muscles"]
    active = np.array([label["muscles"] for label in labels], int).reshape(-1, len(muscles))
    pairs = {(label["activity"], i) for label in labels for i in np.flatnonzero(label["muscles"])}
    activities = np.bincount(np.array([i for _, i in pairs], int), minlength=len(muscles))
    return Counts(muscles, active.sum(axis=0).tolist(), activities.tolist())


def draw(counts: Counts) -> tuple[str, bytes]:
    """SVG and PNG; the same counts give the same bytes."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "musclemap"})
        figure = _figure(counts)
        svg, png = io.BytesIO(), io.BytesIO()
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
    return svg.getvalue().decode(), png.getvalue()


def _figure(counts: Counts) -> Figure:
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(counts.muscles))
    for panel, values, words in zip(panels, (counts.clips, counts.activities), ("clips", "activities"), strict=True):
        panel.bar_label(panel.barh(places, values, height=0.75, color="#0072b2"), padding=2, fontsize=7)
        panel.set_xlabel(words)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_yticks(places, [name.replace("-", " ") for name in counts.muscles])
    panels[0].invert_yaxis()
    return figure
