"""The probabilities of a watched video over time, as one picture: a row for each group."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from training.video import chart
from training.video.film import over_time
from training.video.watch import Watched

COLUMNS = 600
"""Moments that are drawn of a longer video."""

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "musclemap",
    "svg.fonttype": "none",
    "font.family": chart.FAMILY,
    "text.color": chart.INK,
    "axes.labelcolor": chart.SOFT,
    "xtick.color": chart.SOFT,
    "ytick.labelcolor": chart.INK,
}


def svg(watched: Sequence[Watched], names: Sequence[str], title: str, top: float) -> str:
    """Time to the right, in the colours of the body map up to `top`; grey where nobody is seen."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter of the title that the font lacks is left to the viewer's
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        buffer = io.StringIO()
        _figure(watched, names, title, top).savefig(buffer, format="svg", dpi=150, metadata={"Date": None})
    return buffer.getvalue()


def _figure(watched: Sequence[Watched], names: Sequence[str], title: str, top: float) -> Figure:
    times = np.concatenate([part.times for part in watched])
    values = np.concatenate([over_time(part) for part in watched])
    chosen = np.unique(np.linspace(0, len(times) - 1, min(COLUMNS, len(times))).astype(int))
    edges = np.append(times[chosen], times[-1] + np.median(np.diff(times)))
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=chart.UNSEEN)
    mesh = axes.pcolormesh(
        edges,
        np.arange(len(names) + 1) - 0.5,
        np.ma.masked_invalid(values[chosen].T),
        cmap=LinearSegmentedColormap.from_list("musclemap", chart.STOPS),
        vmin=0,
        vmax=top,
        rasterized=True,
    )
    axes.set(yticks=range(len(names)), yticklabels=names, xlabel="seconds")
    axes.set_title(title, loc="left", fontweight="bold", parse_math=False)
    axes.hlines(np.arange(1, len(names)) - 0.5, edges[0], edges[-1], colors="white", linewidth=1)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(mesh, ax=axes, pad=0.01, format="{x:.0%}").outline.set_visible(False)
    return figure
