"""The probabilities of a watched video over time, as one picture: a row for each group."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from training import chart
from training.film import over_time
from training.watch import Watched

COLUMNS = 600
"""Moments that are drawn of a longer video."""


def svg(watched: Sequence[Watched], names: Sequence[str], title: str, top: float) -> str:
    """Time to the right, the scale of the body map for colour; grey where nobody is seen."""
    times = np.concatenate([part.times for part in watched])
    values = np.concatenate([over_time(part) for part in watched])
    chosen = np.unique(np.linspace(0, len(times) - 1, min(COLUMNS, len(times))).astype(int))
    edges = np.append(times[chosen], times[-1] + np.median(np.diff(times)))
    with matplotlib.rc_context({"svg.hashsalt": "musclemap", "font.family": chart.FAMILY, "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 5.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_facecolor(chart.UNSEEN)
        scale = LinearSegmentedColormap.from_list("musclemap", chart.STOPS)
        rows = np.arange(len(names) + 1) - 0.5
        found = np.ma.masked_invalid(values[chosen].T)
        mesh = axes.pcolormesh(edges, rows, found, cmap=scale, vmin=0, vmax=top, rasterized=True)
        axes.set(yticks=range(len(names)), yticklabels=names, xlabel="seconds", title=title)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines[:].set_visible(False)
        figure.colorbar(mesh, ax=axes, label="probability", pad=0.01, format="{x:.0%}")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None})
    return buffer.getvalue()
