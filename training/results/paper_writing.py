"""The paper's tables as text, LaTeX, HTML and CSV: in each cell our number, its interval, and the paper's number."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.files import write_bytes, write_text
from training.checkpoint import CONFIG
from training.results.metrics import REPLICATES
from training.results.muscle_figure import Counts, draw
from training.results.paper_tables import TESTED, Cell, Line, Sheet, Tables

WIDTH, LINE = 200, 100
"""Of the text file, and of its sentences. The tables that are printed fit 80."""
MANY = 8
"""With more columns than these, LaTeX turns their heads."""


@dataclass(frozen=True)
class Shown:
    """The words of a cell, and the predictions that its number is from."""

    ours: str = ""
    interval: str = ""
    paper: str = ""
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Grid:
    """A table in words. A row is its name, a remark that may be empty, and a cell for each of `heads`."""

    name: str
    title: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[Shown]]]


def write(found: Tables, out: Path, console: Console) -> None:
    """Writes all into `out`, and prints the tables that have the paper's columns."""
    text = io.StringIO()
    everything = [*(_grid(sheet, 0) for sheet in (*found.sheets, *found.analyses)), _figure_grid(found.figure)]
    show(found, everything, Console(file=text, width=WIDTH))
    svg, png = draw(found.figure)
    write_text(out / "tables.txt", text.getvalue())
    write_text(out / "tables.tex", as_latex(found))
    write_text(out / "tables.html", as_html(found, svg, out))
    write_text(out / "tables.csv", as_csv(found))
    write_text(out / "figure2.svg", svg)
    write_bytes(out / "figure2.png", png)
    show(found, [_grid(sheet, 0) for sheet in found.sheets], console)


def explanation(found: Tables) -> list[str]:
    """What the numbers are, in words."""
    return [
        f"mAP in % on {found.dataset}, the mean over seeds; with it a 95 % interval, from {REPLICATES} draws of source "
        "videos: it covers the choice of videos, not that of seeds.",
        "The paper's numbers, grey or in brackets, are of another dataset: its videos and labels are not public. "
        "Compare rows within ours and within theirs, not a number of ours with one of theirs.",
        f"p: that a row's {TESTED} does not differ from TransM³E's; paired bootstrap over source videos, two-sided, "
        "not corrected for the number of tests.",
        "An empty cell has no predictions of a finished run, which `make evaluate` saves, or no clips.",
        *found.notes,
    ]


def show(found: Tables, grids: Iterable[Grid], console: Console) -> None:
    """The tables as text."""
    for line in explanation(found):
        console.print(line, highlight=False, markup=False, width=min(console.width, LINE))
    for grid in grids:
        table = Table(title=Text(grid.title), box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.title_justify = "left"
        table.add_column("", no_wrap=True)
        for head in grid.heads:
            table.add_column(Text(head.replace(" ", "\n")), justify="right")
        for name, remark, cells in grid.rows:
            table.add_row(Text(f"{name}\n{remark}".strip()), *_stacked(cells))
        console.print(table)


def as_latex(found: Tables) -> str:
    """Table environments, for another document to \\input."""
    parts = [r"% For \input. The preamble needs \usepackage{booktabs,graphicx,xcolor}."]
    parts += [f"% {line}" for line in explanation(found)]
    sheets = [_grid(sheet, 1) for sheet in (*found.sheets, *found.analyses)]
    return "\n".join([*parts, *[_latex_table(grid) for grid in (*sheets, _figure_grid(found.figure))]]) + "\n"


def as_html(found: Tables, svg: str, out: Path) -> str:
    """A page that needs nothing else; its links lead from `out` to the runs."""
    body = ["<h1>The paper's tables</h1>", *[f"<p>{escape(line)}</p>" for line in explanation(found)]]
    body += [_html_table(_grid(sheet, 1), out) for sheet in found.sheets]
    figure = _figure_grid(found.figure)
    body.append(f"<h2>{escape(figure.title)}</h2><figure>{svg[svg.index('<svg') :]}</figure>")
    body += [_html_table(_grid(sheet, 1), out) for sheet in found.analyses]
    return _PAGE.replace("BODY", "\n".join(body))


def as_csv(found: Tables) -> str:
    """One line for each table, row and column, those without a run too; all but p and seeds as shares of 1."""
    lines: list[Sequence[object]] = [
        ("table", "row", "column", "mAP", "low", "high", "seeds", "p", "paper", "predictions")
    ]
    for sheet in (*found.sheets, *found.analyses):
        lines += [_csv_line(sheet, line, column) for line in sheet.lines for column in sheet.columns]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _csv_line(sheet: Sheet, line: Line, column: str) -> Sequence[object]:
    cell = line.cells.get(column)
    paper = round(line.paper[column] / 100, 4) if column in line.paper else ""
    p = line.p if column == TESTED and line.p is not None else ""
    if cell is None:
        return sheet.name, line.name, column, "", "", "", 0, p, paper, ""
    bounds = (cell.interval.low, cell.interval.high) if cell.interval else ("", "")
    files = " ".join(f"{path.parent.name}/{path.name}" for path in cell.files)
    return sheet.name, line.name, column, cell.value, *bounds, len(cell.files), p, paper, files


def _grid(sheet: Sheet, digits: int) -> Grid:
    """The words of a table, with so many digits after the point in its intervals."""
    sizes = any(line.parameters != (None, None) for line in sheet.lines)
    tests = any(line.p is not None for line in sheet.lines)
    rows = []
    for line in sheet.lines:
        cells = [_shown(line.cells.get(column), line.paper.get(column), digits) for column in sheet.columns]
        if sizes:
            ours, paper = line.parameters
            words = ("" if ours is None else f"{ours:.2f}", "" if paper is None else f"{paper:.1f}")
            cells.insert(0, Shown(words[0], paper=words[1]))
        if tests:
            cells.append(Shown("" if line.p is None else f"{line.p:.3f}"))
        rows.append((line.name, f"{line.seeds} seeds" if line.seeds > 1 else "", cells))
    heads = [*["size M"] * sizes, *sheet.columns, *["p"] * tests]
    return Grid(sheet.name, sheet.title, heads, rows)


def _figure_grid(counts: Counts) -> Grid:
    numbers = zip(counts.muscles, counts.clips, counts.activities, strict=True)
    rows = [(muscle, "", [Shown(str(clips)), Shown(str(activities))]) for muscle, clips, activities in numbers]
    title = "Figure 2: clips and activities in which each muscle group is active"
    return Grid("figure-2", title, ["clips", "activities"], rows)


def _shown(cell: Cell | None, paper: float | None, digits: int) -> Shown:
    theirs = "" if paper is None else f"{paper:.1f}"
    if cell is None:
        return Shown(paper=theirs)
    low_high = (cell.interval.low, cell.interval.high) if cell.interval else ()
    return Shown(
        f"{cell.value * 100:.1f}", "–".join(f"{bound * 100:.{digits}f}" for bound in low_high), theirs, cell.files
    )


def _stacked(cells: Sequence[Shown]) -> list[Text]:
    """Each cell's words below each other, the paper's number in brackets and dim; lines empty in all cells are none."""
    intervals = any(cell.interval for cell in cells)
    texts = []
    for cell in cells:
        above = [cell.ours, cell.interval] if intervals else [cell.ours] if cell.ours or not cell.paper else []
        theirs = [Text(f"({cell.paper})", "dim")] if cell.paper else []
        texts.append(Text("\n").join([*map(Text, above), *theirs]))
    return texts


def _latex_table(grid: Grid) -> str:
    turned = len(grid.heads) > MANY
    heads = [rf"\rotatebox{{90}}{{{_tex(head)}}}" if turned else _tex(head) for head in grid.heads]
    size = r"\scriptsize\setlength{\tabcolsep}{3pt}" if turned else r"\small\setlength{\tabcolsep}{4pt}"
    return "\n".join(
        [
            "",
            r"\begin{table}",
            r"\centering" + size,
            rf"\caption{{{_tex(grid.title)}}}\label{{tab:{grid.name}}}",
            rf"\begin{{tabular}}{{l{'r' * len(heads)}}}",
            r"\toprule",
            " & ".join(["", *heads]) + r" \\",
            r"\midrule",
            *[line for row in grid.rows for line in _latex_lines(*row)],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _latex_lines(name: str, remark: str, cells: Sequence[Shown]) -> list[str]:
    """Our numbers, and where there are any a line of intervals and one of the paper's numbers below them."""
    lines = [" & ".join([_tex(name), *[cell.ours for cell in cells]])]
    if remark or any(cell.interval for cell in cells):
        small = [rf"\scriptsize {_tex(words)}" if words else "" for words in (remark, *[c.interval for c in cells])]
        lines.append(" & ".join(small))
    if any(cell.paper for cell in cells):
        grey = [rf"\textcolor{{gray}}{{{words}}}" if words else "" for words in ("paper", *[c.paper for c in cells])]
        lines.append(" & ".join(grey))
    return [line + r" \\" for line in lines]


def _tex(words: str) -> str:
    """Words as LaTeX prints them."""
    special = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "³": "$^3$", "–": "--"}
    return "".join(special.get(character, character) for character in words)


def _html_table(grid: Grid, out: Path) -> str:
    head = "".join(f"<th>{escape(words)}</th>" for words in ("", *grid.heads))
    rows = []
    for name, remark, cells in grid.rows:
        found = "".join(f"<td>{_html_cell(cell, out)}</td>" for cell in cells)
        rows.append(f"<tr><th>{escape(name)}{_small(remark)}</th>{found}</tr>")
    table = f"<table id={grid.name}><thead><tr>{head}</tr></thead><tbody>\n{chr(10).join(rows)}\n</tbody></table>"
    return f"<h2>{escape(grid.title)}</h2>\n<div class=wide>{table}</div>"


def _html_cell(cell: Shown, out: Path) -> str:
    """The number opens a list of what it is from."""
    paper = f"<i>{escape(cell.paper)}</i>" if cell.paper else ""
    if not cell.files:
        return escape(cell.ours) + paper
    runs = "".join(f"<li>{_links(path, out)}</li>" for path in cell.files)
    return f"<details><summary>{cell.ours}</summary><ul>{runs}</ul></details>{_small(cell.interval)}{paper}"


def _links(path: Path, out: Path) -> str:
    """To a run's predictions, and to its configuration if it has one."""
    files = [file for file in (path.with_name(CONFIG), path) if file.is_file()]
    links = [f'<a href="{quote(os.path.relpath(file, out))}">{escape(file.name)}</a>' for file in files]
    return f"{escape(path.parent.name)}: {' '.join(links)}"


def _small(words: str) -> str:
    return f"<small>{escape(words)}</small>" if words else ""


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The paper's tables</title><style>
:root { color-scheme: light dark; --ground: light-dark(#fff, #14171c); --line: light-dark(#d9dee4, #343b45);
  --soft: light-dark(#5b6470, #9aa4b2); }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em; background: var(--ground); }
p { max-width: 46em; margin: .4em 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3em .7em; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top;
  font-weight: normal; white-space: nowrap; }
thead th { color: var(--soft); vertical-align: bottom; }
th:first-child { text-align: left; padding-left: 0; }
small, i { display: block; color: var(--soft); font-size: .8em; }
i { font-style: normal; opacity: .75; font-size: .95em; }
summary { cursor: pointer; list-style: none; }
summary:hover { text-decoration: underline dotted; }
ul { margin: .2em 0; padding: 0; list-style: none; text-align: left; font-size: .85em; }
figure { margin: 0; max-width: 56em; background: #fff; }
figure svg { width: 100%; height: auto; }
</style></head><body>
BODY
</body></html>
"""
