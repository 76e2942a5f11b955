"""The page to look at a version: counts, results, and a row a clip with its pictures and labels. Static, no script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from annotations.splits import PROTOCOLS
from dataset_card.card import CARD
from dataset_card.markdown import duration, size
from dataset_card.pictures import CAPTIONS, liveliest, of_clip
from dataset_card.results import fragment
from dataset_card.sections import BRANCHES
from dataset_card.style import STYLE
from dataset_card.version import Version, by_activity
from pipeline.errors import Failure, UserError
from pipeline.files import write_bytes, write_text
from pipeline.progress import bar

IMAGES = "images"
"""Folder of the pictures, beside the page."""

SHORT_SIDE = 160
"""Of a picture, in pixels."""

QUALITY = 85
"""Of a JPEG, from 0 to 100."""


def write(version: Version, out: Path, results: Path | None) -> Path:
    """Writes out/index.html and out/images/, and removes pictures of an earlier making; returns the page's path.

    Raises UserError if `results` is no page or `out` no folder.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file, not a folder; name a folder for the page")
    tables = fragment(results) if results else ""
    groups = list(by_activity(version))
    body = [
        _about(version, out),
        _counts(version),
        tables and f'<section class="wide">{tables}</section>',
        _links(groups),
    ]
    written: set[Path] = set()
    with bar("page", len(version.labels), "clips") as progress:
        for number, (activity, rows) in enumerate(groups):
            body.append(f'<h2 id="activity-{number}">{escape(activity)} <span class="soft">{len(rows):,}</span></h2>')
            for row in rows:
                clip = _clip(version, row, out, written)
                body.append(clip)
                progress.advance(failed=int('class="lost"' in clip))
    page = out / "index.html"
    write_text(page, _PAGE.format(title=_title(version), style=STYLE, body="\n".join(filter(None, body))))
    for stale in set((out / IMAGES).glob("*.jpg")) - written:
        stale.unlink()
    return page


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _title(version: Version) -> str:
    return f"MuscleMap {escape(version.manifest['version'])}"


def _about(version: Version, out: Path) -> str:
    """Title, what the page shows, and the way to the card."""
    lines = [f"<h1>{_title(version)}</h1>"]
    lines.append("<p>Which muscle groups are active: the clips of this version, each at its liveliest moment.</p>")
    if any(name.startswith("draft") for name in version.provenance()):
        lines.append("<p>The labels are a draft: nobody trained in sports or medicine has checked them.</p>")
    card = version.root / CARD
    if card.is_file():
        address = quote(Path(os.path.relpath(card.resolve(), out.resolve())).as_posix())
        lines.append(f'<p><a href="{address}">Dataset card</a>: how it was made, how to read it, licences.</p>')
    return "\n".join(lines)


def _counts(version: Version) -> str:
    """The version in numbers, its splits, and what did not come through."""
    manifest = version.manifest
    numbers = {
        "clips": f"{manifest['clips']:,}",
        "source videos": f"{manifest['sources']:,}",
        "activities": f"{len(manifest['activities']):,}",
        "of video": duration(float(version.seconds.sum())),
        "in all": size(sum(version.bytes(modality) for modality in version.modalities)),
    }
    shown = "".join(f"<li><b>{number}</b>{name}</li>" for name, number in numbers.items())
    held, failures = manifest["splits"], manifest["failures"]
    splits = [[split, *[f"{held[p].get(split, 0):,}" for p in PROTOCOLS]] for split in version.splits]
    tables = [_table("Splits", ["split", *PROTOCOLS], splits)]
    if failures:
        rows = [[reason, f"{n:,}", BRANCHES.get(reason.split("/")[0], "")] for reason, n in failures.items()]
        tables.append(_table("Left out", ["reason", "segments", "meaning"], rows))
    return f'<ul class="numbers">{shown}</ul>\n<div class="side">{"".join(tables)}</div>'


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    words = [not all(row[i].replace(",", "").isdigit() for row in rows) for i in range(len(head))]

    def line(cells: Sequence[str], tag: str) -> str:
        kinds = [' class="words"' if word else "" for word in words]
        return "<tr>" + "".join(f"<{tag}{k}>{escape(c)}</{tag}>" for k, c in zip(kinds, cells, strict=True)) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    table = f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"
    return f'<div class="wide"><h2>{escape(title)}</h2>{table}</div>'


def _links(groups: Sequence[tuple[str, list[int]]]) -> str:
    links = [f'<a href="#activity-{i}">{escape(activity)}</a>' for i, (activity, _) in enumerate(groups)]
    return f'<h2>Clips</h2>\n<nav aria-label="activities">{" ".join(links)}</nav>'


def _clip(version: Version, row: int, out: Path, written: set[Path]) -> str:
    """One row; its pictures are written and added to `written`."""
    facts, label = version.index.iloc[row], version.labels[row]
    moment = liveliest(version, row)
    shown = []
    for modality, images in of_clip(version, row, [moment], SHORT_SIDE).items():
        if isinstance(images, Failure):
            words = f"cannot be shown: {escape(images.detail)}"
            shown.append(
                f'<figure><div class="lost">{words}</div><figcaption>{CAPTIONS[modality]}</figcaption></figure>'
            )
            continue
        # By number, for a key may hold anything.
        path = out / IMAGES / f"{row:06d}-{modality}.jpg"
        write_bytes(path, _jpeg(images[0]))
        written.add(path)
        alt = escape(f"{CAPTIONS[modality]} of {label['activity']}, frame {moment}")
        height, width = images[0].shape[:2]
        shown.append(
            f'<figure><img src="{IMAGES}/{path.name}" alt="{alt}" width="{width}" height="{height}" loading="lazy">'
            f"<figcaption>{CAPTIONS[modality]}</figcaption></figure>"
        )
    chips = "".join(f"<li>{escape(str(name).replace('-', ' '))}</li>" for name in label["names"])
    new = ' <span class="new">new activity</span>' if label["new"] else ""
    told = {
        **{f"split, {protocol}": label["splits"][protocol] for protocol in PROTOCOLS},
        "length": f"{version.seconds.iloc[row]:.1f} s" + (f", {facts['frames']} frames" if facts["frames"] else ""),
        "source": f"{label['source']}, {label['start']:.1f} to {label['end']:.1f} s",
        "labels": label["provenance"],
    }
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in told.items())
    return (
        f'<article class="clip"><div class="pictures">{"".join(shown)}</div>\n'
        f"<div><h3>{escape(label['activity'])}{new}</h3><code>{escape(facts['key'])}</code>\n"
        f'<ul class="chips" aria-label="active muscle groups">{chips}</ul><dl>{terms}</dl></div></article>'
    )


def _jpeg(image: np.ndarray) -> bytes:
    """RGB [H, W, 3] as JPEG."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return data.tobytes()
