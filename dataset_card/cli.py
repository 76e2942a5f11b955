"""The commands of `python -m dataset_card`; `make card` and `make page` call them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dataset_card import card as cards
from dataset_card import leaks as leakage
from dataset_card import montage
from dataset_card import page as pages
from dataset_card.version import Version, open_version
from pipeline.errors import UserError
from pipeline.files import write_bytes

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

DatasetFolder = Annotated[Path, typer.Argument(help="A version of the dataset, or a folder of versions (the newest).")]


@app.callback()
def main() -> None:
    """Describe a version of the dataset, for people and for programs."""


@app.command()
def card(dataset: DatasetFolder) -> None:
    """Write README.md, croissant.json and figures/ into the version's folder."""
    with _opened(dataset) as version, _writing():
        paths = cards.write(version)
    for path in paths:
        console.print(f"written: {path}", soft_wrap=True, markup=False, highlight=False)


@app.command()
def leaks(dataset: DatasetFolder) -> None:
    """Check the splits for source videos and nearly equal frames on two sides; writes leaks.json for the card."""
    with _opened(dataset) as version, _writing():
        found = leakage.write(version)
    for protocol, entry in found["protocols"].items():
        pairs = f"{entry['pairs']:,} pairs of clips nearly the same" if "pairs" in entry else "no pictures to compare"
        console.print(f"{protocol}: {len(entry['sources']):,} sources on two sides, {pairs}", highlight=False)


@app.command()
def page(
    dataset: DatasetFolder,
    out: Annotated[Path, typer.Option(help="Folder for index.html and its images.")],
    results: Annotated[Path | None, typer.Option(help="results.html of `make evaluate`, to show on the page.")] = None,
) -> None:
    """Write a static page with one row a clip; it needs no network."""
    with _opened(dataset) as version, _writing():
        path = pages.write(version, out, results)
    console.print(f"open {path}", soft_wrap=True, markup=False, highlight=False)


@app.command()
def picture(
    dataset: DatasetFolder,
    out: Annotated[Path, typer.Option(help="The PNG file to write.")],
    key: Annotated[str, typer.Option(help="Key of the clip", show_default="the first one")] = "",
) -> None:
    """Write one clip as a picture: moments of it in each of its modalities."""
    with _opened(dataset) as version, _writing():
        write_bytes(out, montage.draw(version, key))
    console.print(f"written: {out}", soft_wrap=True, markup=False, highlight=False)


@contextmanager
def _opened(folder: Path) -> Iterator[Version]:
    version = open_version(folder)
    try:
        yield version
    finally:
        version.close()


@contextmanager
def _writing() -> Iterator[None]:
    """A place that cannot be written to is the person's to mend."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{error.filename or 'output'}: cannot be written ({error.strerror})") from None
