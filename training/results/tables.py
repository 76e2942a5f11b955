"""The table of results, from saved predictions alone: every number in it is computed here.

A row is a run, a column a split or the mean of two (section 3.3). A split without clips gives empty cells.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape as escape_markup
from rich.table import Table

from annotations.splits import side_of
from pipeline.files import write_text
from training.predict import BASELINE, BASELINES, PREDICTIONS, Origin, read_origin
from training.results import details
from training.results.details import Section
from training.results.metrics import (
    REPLICATES,
    Interval,
    Scored,
    bootstrap,
    interval,
    label_average_precision,
    mean_over_labels,
)

COLUMNS = {
    "known val": ("known-val",),
    "new val": ("new-val",),
    "mean val": ("known-val", "new-val"),
    "known test": ("known-test",),
    "new test": ("new-test",),
    "mean test": ("known-test", "new-test"),
}
KNOWN = ("known val", "known test")
SIDES = ("val", "test")
FEW = 10
"""With fewer source videos in a split an interval says little, and the table says so."""


@dataclass(frozen=True)
class Cell:
    """mAP in 0..1, its interval where there is one, and the replicates behind it, NaN where a split had no clip."""

    value: float
    interval: Interval | None
    replicates: np.ndarray = field(repr=False, compare=False)

    @property
    def number(self) -> str:
        """In per cent."""
        return f"{self.value * 100:.1f}"

    @property
    def range(self) -> str:
        """The interval in whole per cent, or nothing."""
        return f"{self.interval.low * 100:.0f}–{self.interval.high * 100:.0f}" if self.interval else ""


@dataclass(frozen=True)
class Row:
    """One run. `cells` by column, without the empty; `labels` by column of one split, [20] AP or NaN."""

    name: str
    model: str
    cells: dict[str, Cell]
    labels: dict[str, np.ndarray]

    @property
    def trained(self) -> bool:
        return self.model != BASELINE


@dataclass(frozen=True)
class Results:
    """All that the files show. `sizes` by column: (clips, source videos)."""

    rows: list[Row]
    sizes: dict[str, tuple[int, int]]
    muscles: list[str]
    notes: list[str] = field(default_factory=list)
    details: list[Section] = field(default_factory=list)


def results(runs: Path, manifest: str, protocol: str, equipment: Mapping[str, str]) -> Results:
    """Scores all predictions under `runs` that are of one dataset (digest of its manifest) and protocol.

    `equipment` by activity, as in the activities table.
    """
    rows, notes, muscles = [], [], []
    predictions: dict[str, pd.DataFrame] = {}
    sizes: dict[str, tuple[int, int]] = dict.fromkeys(COLUMNS, (0, 0))
    for path in sorted(runs.glob(f"*/{PREDICTIONS}"), key=_baselines_first):
        origin = read_origin(path)
        if note := elsewhere(origin, manifest, protocol):
            notes.append(note)
            continue
        predictions[origin.run] = pd.read_parquet(path)
        splits = scored(predictions[origin.run])
        rows.append(_row(origin, splits))
        sizes = {column: _size([splits[s] for s in names if s in splits]) for column, names in COLUMNS.items()}
        muscles = origin.muscles.split(",")
    empty = [column for column in COLUMNS if not any(column in row.cells for row in rows)]
    if empty:
        notes.append(f"Empty, for want of clips: {', '.join(empty)}.")
    return Results(rows, sizes, muscles, notes, _details(rows, predictions, equipment))


def elsewhere(origin: Origin, manifest: str, protocol: str) -> str:
    """A note that predictions are of another dataset (digest of its manifest) or protocol, or nothing."""
    if (origin.manifest, origin.protocol) == (manifest, protocol):
        return ""
    return f"Left out: {origin.run}, on dataset {origin.dataset}, protocol {origin.protocol}."


def scored(predictions: pd.DataFrame) -> dict[str, Scored]:
    """Saved predictions by split."""
    return {str(split): details.scored(part) for split, part in predictions.groupby("split")}


def _details(rows: list[Row], predictions: dict[str, pd.DataFrame], equipment: Mapping[str, str]) -> list[Section]:
    trained = {row.name: row for row in rows if row.trained}
    resampled = {
        name: {column: details.Resampled(cell.value, cell.replicates) for column, cell in row.cells.items()}
        for name, row in trained.items()
    }
    return [
        details.comparisons(resampled),
        details.by_equipment(predictions, equipment),
        details.calibration({name: scored(predictions[name]) for name in trained}),
    ]


def verdicts(found: Results) -> list[str]:
    """For each trained model, whether it beats Random and All Ones on the known splits, with the numbers."""
    rows = {row.name: row for row in found.rows}
    baselines = [rows[name] for name in BASELINES.values() if name in rows]
    return [_verdict(row, baselines) for row in found.rows if row.trained]


def _verdict(row: Row, baselines: Sequence[Row]) -> str:
    parts, beaten = [], True
    for column in KNOWN:
        against = [(other.name, other.cells[column].value) for other in baselines if column in other.cells]
        if column not in row.cells or len(against) < len(BASELINES):
            parts.append(f"{column}: nothing to compare")
            continue
        value = row.cells[column].value
        beaten &= all(value > other for _, other in against)
        numbers = ", ".join(f"{name} {other * 100:.1f}" for name, other in against)
        parts.append(f"{column}: {value * 100:.1f} against {numbers}")
    if not any(" against " in part for part in parts):
        return f"{row.name} cannot be compared with {' and '.join(BASELINES.values())} on the known splits."
    words = "beats" if beaten else "does not beat"
    return f"{row.name} {words} {' and '.join(BASELINES.values())} on the known splits ({'; '.join(parts)})."


def write(found: Results, out: Path, console: Console) -> None:
    """Prints the table and writes results.txt, results.html, results.csv, labels.csv and the details into `out`."""
    show(found, console)
    text = io.StringIO()
    show(found, Console(file=text, width=160))
    write_text(out / "results.txt", text.getvalue())
    write_text(out / "results.html", as_html(found))
    write_text(out / "results.csv", as_csv(found))
    write_text(out / "labels.csv", labels_as_csv(found))
    for section in found.details:
        write_text(out / f"{section.name}.csv", _csv([section.head, *section.rows]))


def explanation(found: Results) -> str:
    """What the numbers are, in words."""
    words = (
        "mAP in % over the muscle groups that occur in the split; below it a 95 % bootstrap interval, from "
        f"{REPLICATES} draws of source videos, where a split comes from at least two."
    )
    fewest = min((videos for _, videos in found.sizes.values() if videos), default=FEW)
    if fewest < FEW:
        words += f" With as few videos as here ({fewest} in a split) an interval is a rough hint."
    return words


def show(found: Results, console: Console) -> None:
    """The table as text."""
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    table.add_column("run", footer="clips / videos")
    for column in COLUMNS:
        table.add_column(column.replace(" ", "\n"), justify="right", footer=_words(found.sizes[column]))
    for row in found.rows:
        table.add_row(escape_markup(row.name), *[_lines(row.cells.get(column)) for column in COLUMNS])
    console.print(table)
    for line in (explanation(found), *found.notes, *verdicts(found)):
        console.print(line, highlight=False, markup=False)


def as_csv(found: Results) -> str:
    """One line for each run and column; mAP and interval in 0..1."""
    lines: list[Sequence[object]] = [("run", "model", "column", "mAP", "low", "high", "clips", "videos")]
    for row in found.rows:
        for column, cell in row.cells.items():
            bounds = (cell.interval.low, cell.interval.high) if cell.interval else ("", "")
            lines.append((row.name, row.model, column, cell.value, *bounds, *found.sizes[column]))
    return _csv(lines)


def labels_as_csv(found: Results) -> str:
    """One line for each run, column and muscle group that occurs in it; AP in 0..1."""
    lines: list[Sequence[object]] = [("run", "column", "muscle", "AP")]
    for row in found.rows:
        for column, values in row.labels.items():
            named = zip(found.muscles, values, strict=True)
            lines += [(row.name, column, muscle, value) for muscle, value in named if math.isfinite(value)]
    return _csv(lines)


def as_html(found: Results) -> str:
    """The table, and the AP of each muscle group, as a page that needs nothing else."""
    cells = [[row.name, *[_lines(row.cells.get(column)) for column in COLUMNS]] for row in found.rows]
    sizes = ["clips / videos", *[_words(found.sizes[column]) for column in COLUMNS]]
    lines = [explanation(found), *found.notes, *verdicts(found)]
    body = [
        "<h1>Results</h1>",
        _html_table(["run", *COLUMNS], cells, sizes),
        *[f"<p>{escape(line)}</p>" for line in lines],
    ]
    for column in ("known test", "new test"):
        shown = [row for row in found.rows if column in row.labels]
        if shown:
            ap = [[m, *[_percent(row.labels[column][i]) for row in shown]] for i, m in enumerate(found.muscles)]
            body += [
                f"<details><summary>AP of each muscle group in %, {column}</summary>",
                _html_table(["muscle group", *[row.name for row in shown]], ap, []),
                "</details>",
            ]
    for section in found.details:
        if section.rows:
            table = _html_table(section.head, section.rows, [])
            body.append(f"<details><summary>{escape(section.title)}</summary>{table}</details>")
    return _PAGE.format(body="\n".join(body))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Results</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .3em .8em; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }}
tfoot td {{ color: #777; }}
</style></head><body>
{body}
</body></html>
"""


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        texts = [escape(cell).replace("\n", "<br>") for cell in cells]
        return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in texts) + "</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    last = f"<tfoot>{line(foot, 'td')}</tfoot>" if foot else ""
    return f"<table><thead>{line(head, 'th')}</thead><tbody>\n{body}\n</tbody>{last}</table>"


def cells(splits: Mapping[str, Scored], labels: Mapping[str, np.ndarray]) -> dict[str, Cell]:
    """The cell of each column that has clips; `labels` by split, [20] AP or NaN."""
    drawn: dict[str, np.ndarray] = {}
    for side in SIDES:
        held = [split for split in splits if side_of(split) == side]
        if held:
            drawn |= dict(zip(held, bootstrap([splits[split] for split in held]), strict=True))
    result = {}
    for column, names in COLUMNS.items():
        if all(name in splits for name in names):
            replicates = np.mean([drawn[name] for name in names], axis=0)
            value = float(np.mean([mean_over_labels(labels[name]) for name in names]))
            result[column] = Cell(value, interval(replicates), replicates)
    return result


def _row(origin: Origin, splits: Mapping[str, Scored]) -> Row:
    labels = {split: label_average_precision(part.truth, part.scores) for split, part in splits.items()}
    by_column = {column: labels[split] for column, (split, *more) in COLUMNS.items() if not more and split in labels}
    return Row(origin.run, origin.model, cells(splits, labels), by_column)


def _size(parts: Sequence[Scored]) -> tuple[int, int]:
    sources = {source for part in parts for source in part.sources}
    return sum(len(part.truth) for part in parts), len(sources)


def _baselines_first(path: Path) -> tuple[int, str]:
    names = list(BASELINES)
    return names.index(path.parent.name) if path.parent.name in names else len(names), path.parent.name


def _lines(cell: Cell | None) -> str:
    return f"{cell.number}\n{cell.range}".strip() if cell else ""


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]} / {size[1]}"


def _percent(value: float) -> str:
    return f"{value * 100:.1f}" if math.isfinite(value) else ""


def _csv(lines: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
