"""How far annotators agree, as tables and a picture: labels/AGREEMENT.md and labels/agreement.png."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence

import matplotlib
from matplotlib.figure import Figure

from annotations import agreement
from annotations.agreement import Pair
from annotations.derive import DERIVATIONS
from annotations.labels import Annotator
from annotations.tables import Tables

PAPER_PREVALENCE = 0.28
"""Mean prevalence in the paper: the mAP of its All Ones row (table 2), about 28 %."""

Settled = dict[tuple[str, str], tuple[int, str]]


def markdown(tables: Tables, annotators: Sequence[Annotator], decisions: Annotator, settled: Settled) -> str:
    """The report, in Markdown."""
    first, second = annotators
    activities = list(tables.activities)
    muscles = [muscle.slug for muscle in tables.muscles]
    cells = list(itertools.product(activities, muscles))
    kept = agreement.agreed_activities(settled)
    left = agreement.open_cells(annotators, decisions, activities, muscles)
    judged = [a for a in activities if all((a, muscles[0]) in one.judgements for one in annotators)]
    whole = agreement.compare(first, second, cells)
    return "\n".join(
        [
            "# Agreement of the annotators",
            "",
            f"`make labels` writes this page. Annotators: {' and '.join(map(_who, annotators))}.",
            "",
            f"- Activities judged by both: {len(judged)} of {len(activities)}.",
            f"- Cells judged by both: {whole.cells:,}, alike {_percent(whole.alike, whole.cells)}, "
            f"Cohen's kappa {_kappa(whole)}.",
            f"- Agreed activities (all {len(muscles)} groups): {len(kept)}. Open: {len(activities) - len(kept)}, "
            f"with {len(left):,} cells (`open.csv`).",
            f"- Decisions: {len(decisions.judgements)}.",
            f"- Mean prevalence: {_prevalence_words(annotators, settled)}; the paper's is about "
            f"{100 * PAPER_PREVALENCE:.0f} %.",
            "",
            "![Prevalence and kappa of each group](agreement.png)",
            "",
            "## By muscle group",
            "",
            *_table(
                ("muscle group", "cells", "alike", "kappa", first.name, second.name, "draft"),
                (
                    (
                        muscle.name,
                        *_pair(agreement.compare(first, second, column := [(a, muscle.slug) for a in activities])),
                        _share(first, column),
                        _share(second, column),
                        _percent(sum(settled[c][0] for c in column if c in settled), sum(c in settled for c in column)),
                    )
                    for muscle in tables.muscles
                ),
            ),
            "",
            "The last three columns are prevalence: the share of judged activities in which the group is active.",
            "",
            "## By activity",
            "",
            *_table(
                ("activity", "cells", "alike", "kappa", f"only {first.name}", f"only {second.name}", "status"),
                (
                    (
                        a,
                        *_pair(agreement.compare(first, second, row := [(a, m) for m in muscles])),
                        _only(first, second, row),
                        _only(second, first, row),
                        _status(a, kept, judged),
                    )
                    for a in activities
                ),
            ),
            "",
        ]
    )


def picture(tables: Tables, annotators: Sequence[Annotator]) -> bytes:
    """PNG: prevalence of each group by annotator, and kappa beside it."""
    first, second = annotators
    columns = [[(a, muscle.slug) for a in tables.activities] for muscle in tables.muscles]
    places = range(len(columns))
    with matplotlib.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 5), layout="constrained")
        shares, kappas = figure.subplots(1, 2, sharey=True)
        for annotator, shift in ((first, -0.2), (second, 0.2)):
            values = [100 * _active(annotator, column) for column in columns]
            shares.barh([place + shift for place in places], values, 0.4, label=annotator.name)
        shares.axvline(100 * PAPER_PREVALENCE, color="0.4", linewidth=1, linestyle="--", label="paper's mean")
        shares.set_yticks(places, [muscle.name for muscle in tables.muscles])
        shares.invert_yaxis()
        shares.set_xlabel("activities with the group active, %")
        shares.legend(frameon=False)
        kappas.barh(places, [agreement.compare(first, second, column).kappa or 0.0 for column in columns], color="0.5")
        kappas.set_xlabel("Cohen's kappa")
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _who(annotator: Annotator) -> str:
    return f"`{annotator.name}`{' (a written derivation, no person)' if annotator.name in DERIVATIONS else ''}"


def _active(annotator: Annotator, cells: Sequence[tuple[str, str]]) -> float:
    """Share of the judged cells that are 1."""
    values = [annotator.judgements[cell].value for cell in cells if cell in annotator.judgements]
    return sum(values) / max(len(values), 1)


def _share(annotator: Annotator, cells: Sequence[tuple[str, str]]) -> str:
    return f"{100 * _active(annotator, cells):.0f} %"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _kappa(pair: Pair) -> str:
    return "–" if pair.kappa is None else f"{pair.kappa:.2f}"


def _pair(pair: Pair) -> tuple[str, str, str]:
    return str(pair.cells), _percent(pair.alike, pair.cells), _kappa(pair)


def _only(one: Annotator, other: Annotator, row: Sequence[tuple[str, str]]) -> str:
    """The groups that one alone calls active, where both judged."""
    both = [cell for cell in row if cell in one.judgements and cell in other.judgements]
    return ", ".join(m for a, m in both if one.judgements[a, m].value > other.judgements[a, m].value)


def _status(activity: str, kept: Sequence[str], judged: Sequence[str]) -> str:
    if activity in kept:
        return "agreed"
    return "open" if activity in judged else "open: one annotator alone"


def _prevalence_words(annotators: Sequence[Annotator], settled: Settled) -> str:
    words = [f"{100 * _active(a, list(a.judgements)):.1f} % ({a.name})" for a in annotators]
    return ", ".join([*words, f"{_percent(sum(value for value, _ in settled.values()), len(settled))} (draft)"])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
