"""The page that lists explained clips: each with its picture, its film, and its marks in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from pipeline.files import write_text
from training.explain.marks import Marked
from training.explain.pictures import MARKS


@dataclass(frozen=True)
class Entry:
    """One clip: words above it, file names beside the page, and the marks by run."""

    head: Sequence[str]
    still: str
    film: str
    marks: Sequence[tuple[str, Sequence[Marked]]]


def write_page(out: Path, entries: Sequence[Entry]) -> Path:
    """Writes out/index.html, which needs nothing but the pictures and films beside it; returns its path."""
    path = out / "index.html"
    legend = ", ".join(f'<span style="color: {colour}">{sign} {mark}</span>' for mark, (sign, colour) in MARKS.items())
    title = f"{escape(out.name)}: explained clips"
    write_text(path, _PAGE.format(title=title, legend=legend, body="\n".join(map(_entry, entries))))
    return path


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #1c2128; background: #fff; }}
img, video {{ max-width: 100%; height: auto; }}
article {{ border-top: 1px solid #d9dee4; padding: 1em 0; }}
p {{ max-width: 46rem; }}
</style></head><body>
<h1>{title}</h1>
<p>Bright is where the evidence for a muscle group lies (Grad-CAM), from none to the
highest of the clip's middle window. Darkened is what a video model does not see. Marks: {legend}.</p>
{body}
</body></html>
"""


def _entry(entry: Entry) -> str:
    title, *more = map(escape, entry.head)
    words = "".join(f"<li>{escape(run)}: {_words(marks)}</li>" for run, marks in entry.marks)
    still, film = quote(entry.still), quote(entry.film)
    return (
        f"<article><h2>{title}</h2><p>{', '.join(more)}</p>"
        f'<img src="{still}" alt="Heat over frames of {title}" loading="lazy">'
        f"<details><summary>film, and the marks in words</summary>"
        f'<video src="{film}" controls loop muted preload="none"></video><ul>{words}</ul></details></article>'
    )


def _words(marks: Sequence[Marked]) -> str:
    return ", ".join(f"{escape(m.muscle)} {m.probability:.2f} {m.mark}" for m in marks) or "no group"
