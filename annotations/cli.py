"""The commands of `python -m annotations`; `make labels` and `make import-official` call them."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import waitress
from rich.console import Console

from annotations import agreement, exchange, official, report
from annotations.derive import DERIVATIONS
from annotations.labels import annotator_path, read_annotator, read_decisions, write_annotator
from annotations.rules import TableError
from annotations.studio.media import Media
from annotations.studio.server import application
from annotations.studio.store import Store
from annotations.tables import PACKAGE_DIR, read_activities, read_muscles, read_tables, tables_of

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()


def run() -> None:
    """Run the command line; a broken table is one line and exit code 2."""
    try:
        app()
    except TableError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


@app.callback()
def main() -> None:
    """Label tables: derive, compare and settle them, or read the authors' own."""


@app.command()
def labels(
    annotators: Annotated[str, typer.Option(help="The two whose files in labels/ count.")] = "facts,anatomy",
    propose: Annotated[
        str, typer.Option(help="Whose value an open cell of draft.csv takes; '' leaves open activities out.")
    ] = "anatomy",
    folder: Annotated[Path, typer.Option(help="The folder of the tables.")] = PACKAGE_DIR,
) -> None:
    """Write the derivations anew, then the agreed table, what is open, the draft and the report."""
    muscles = [muscle.slug for muscle in read_muscles(folder)]
    activities = list(read_activities(folder))
    place = folder / "labels"
    for name, derivation in DERIVATIONS.items():
        write_annotator(
            place / f"{name}.csv", derivation(folder / "derivations", activities, muscles), activities, muscles
        )
    names = annotators.split(",")
    if len(names) != 2:
        raise typer.BadParameter("name two annotators, joined by a comma", param_hint="--annotators")
    two = [read_annotator(annotator_path(place, name), activities, muscles) for name in names]
    decisions = read_decisions(place / "decisions.csv", activities, muscles)
    agreement.write(place, two, decisions, activities, muscles, propose if propose in names else "")
    tables = read_tables(folder)
    settled = agreement.settle(two, decisions, activities, muscles, propose if propose in names else "")
    text = report.markdown(tables, two, decisions, settled)
    (place / "AGREEMENT.md").write_text(text, encoding="utf-8")
    (place / "agreement.png").write_bytes(report.picture(tables, two))
    for line in text.split("\n## ")[0].splitlines()[2:]:
        if line.startswith("- "):
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(f"written: {place}/draft.csv, agreed.csv, open.csv, AGREEMENT.md", soft_wrap=True, highlight=False)


@app.command("import-official")
def import_official(
    folder: Annotated[Path, typer.Argument(help="The folder with the ten pickled lists.")],
    out: Annotated[Path, typer.Option(help="Folder to write the tables to.")],
) -> None:
    """Read the authors' five pairs of lists, and write sources, activities, labels and splits."""
    for line in official.import_lists(folder, out):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


@app.command()
def annotate(
    work: Annotated[Path, typer.Option(help="Work folder with videos/, clips/ and payloads/skeleton/.")] = Path("work"),
    tables: Annotated[
        Path | None, typer.Option(help="Folder of segments.csv", show_default="WORK/tables, or the tables' own")
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="The folder of the tables; labels are saved to its labels/.")
    ] = PACKAGE_DIR,
    port: Annotated[int, typer.Option(help="Port on this machine; nothing else can reach it.")] = 8135,
) -> None:
    """Open the page to annotate on, for this machine alone; Ctrl-C ends it and everything is saved."""
    muscles, activities = read_muscles(folder), read_activities(folder)
    own = tables or tables_of(work, folder)
    store = Store(folder, own, tuple(activities), tuple(muscle.slug for muscle in muscles))
    if store.segments_path.exists():
        read_tables(folder, own)  # a broken table is told here, not in the page
    web = application(store, Media(work), activities, muscles)
    try:
        server = waitress.create_server(web, host="127.0.0.1", port=port, threads=8)
    except OSError as error:
        raise TableError(f"port {port}: {error.strerror}; is the page open already? Else choose another") from None
    console.print(f"http://127.0.0.1:{server.effective_port}", highlight=False)
    server.run()


class Tool(StrEnum):
    """Other tools to annotate with."""

    LABEL_STUDIO = "label-studio"
    CVAT = "cvat"


@app.command("export")
def export_labels(
    tool: Tool,
    name: Annotated[str, typer.Argument(help="The annotator; one without a file gives empty tasks.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    folder: Annotated[Path, typer.Option(help="The folder of the tables.")] = PACKAGE_DIR,
) -> None:
    """Write an annotator's labels for Label Studio (tasks.json, config.xml) or CVAT (annotations.xml)."""
    muscles, activities = [muscle.slug for muscle in read_muscles(folder)], list(read_activities(folder))
    said, _ = Store(folder, folder, tuple(activities), tuple(muscles)).read(name)
    out.mkdir(parents=True, exist_ok=True)
    if tool is Tool.CVAT:
        files = {"annotations.xml": exchange.to_cvat(said, activities, muscles)}
    else:
        files = {
            "tasks.json": exchange.to_label_studio(said, activities, muscles),
            "config.xml": exchange.label_studio_config(muscles),
        }
    for file, text in files.items():
        (out / file).write_text(text, encoding="utf-8")
        console.print(f"written: {out / file}", soft_wrap=True, highlight=False)


@app.command("import")
def import_labels(
    tool: Tool,
    name: Annotated[str, typer.Argument(help="The annotator whose file in labels/ is written.")],
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What the tool exported.")],
    folder: Annotated[Path, typer.Option(help="The folder of the tables.")] = PACKAGE_DIR,
) -> None:
    """Read what Label Studio (JSON) or CVAT (CVAT for images 1.1) exported; an existing file is not overwritten."""
    muscles, activities = [muscle.slug for muscle in read_muscles(folder)], list(read_activities(folder))
    target = annotator_path(folder / "labels", name)
    if target.exists():
        raise TableError(f"{target}: is there already; choose another name, or move it away first")
    read = exchange.from_cvat if tool is Tool.CVAT else exchange.from_label_studio
    said = read(path, name, activities, muscles)
    write_annotator(target, said, activities, muscles)
    console.print(f"written: {target} ({len(said.judgements)} judgements)", soft_wrap=True, highlight=False)
