"""The commands of `python -m pipeline.versions`; `make` calls them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from annotations.tables import tables_of
from pipeline.changes import changes
from pipeline.reader import find_version
from pipeline.release import read_release
from pipeline.versions import derive, share
from pipeline.versions import takedown as takedowns
from pipeline.versions.store import Store
from pipeline.versions.verify import verify as problems_of

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, soft_wrap=True, markup=False)

Folder = Annotated[Path, typer.Argument(help="A version's folder, or a folder of versions (the newest).")]


@app.callback()
def main() -> None:
    """Compare, check, share and mend versions of the dataset."""


@app.command()
def diff(a: str, b: str, keys: Annotated[int, typer.Option(help="Clips to name of each kind.")] = 20) -> None:
    """Say clip by clip what changed from version A to B, folders or URLs."""
    before, after = Store(a).release(), Store(b).release()
    found = changes(before.index, after.index, after.manifest.get("tombstones", ()))
    kinds = {"added": found.added, "relabelled": found.relabelled, "resplit": found.resplit}
    kinds |= {f"re-extracted {modality}": names for modality, names in found.extracted.items()}
    for reason in sorted(set(found.removed.values())):
        kinds[f"removed ({reason})"] = [key for key, why in found.removed.items() if why == reason]
    console.print(f"{before.version} ({len(before.index)} clips) → {after.version} ({len(after.index)} clips)")
    for kind, names in kinds.items():
        console.print(f"{kind}: {len(names)}")
        for key in names[:keys]:
            console.print(f"  {key}")
        if len(names) > keys:
            console.print(f"  … and {len(names) - keys} more (--keys)")


@app.command()
def verify(
    at: Annotated[str, typer.Argument(help="A version's folder or URL, or a folder of versions.")],
    absent: Annotated[str, typer.Option(help="Prove that nothing of this source is there.")] = "",
) -> None:
    """Check every byte and promise of a version; exit code 1 if something is wrong."""
    place = Store(at if "://" in at else str(find_version(Path(at)).resolve()))
    found = problems_of(place, absent)
    for problem in found:
        console.print(problem)
    fine = "all is as the manifest says" + (f", and nothing of {absent} is there" if absent else "")
    console.print(f"{place.url}: {f'{len(found)} problems' if found else fine}")
    raise typer.Exit(1 if found else 0)


@app.command()
def publish(dataset: Folder, to: Annotated[str, typer.Option(help="Folder, s3://…, hf://datasets/….")]) -> None:
    """Copy a version to where others can pull it."""
    root = find_version(dataset)
    console.print(f"{root} published at {to}: {share.publish(root, to) / 1e6:,.1f} MB moved")


@app.command()
def pull(
    dataset: Annotated[Path, typer.Argument(help="Folder of versions to pull into.")],
    source: Annotated[str, typer.Option("--from", help="Where it was published.")],
    version: Annotated[str, typer.Option(help="Which one.", show_default="the newest")] = "",
    modalities: Annotated[str, typer.Option(help="Comma-separated", show_default="all")] = "",
) -> None:
    """Copy a published version here, or only some columns of it."""
    folder, moved = share.pull(source, dataset, version, [m for m in modalities.split(",") if m])
    console.print(f"{folder}: {moved / 1e6:,.1f} MB moved, checked")


@app.command()
def tier(
    dataset: Folder,
    without: Annotated[str, typer.Option(help="Comma-separated columns to leave out.")],
    out: Annotated[Path, typer.Option(help="Folder of versions to write into.")],
) -> None:
    """Write a copy of a version without some columns, such as all that show people."""
    release = read_release(find_version(dataset))
    made = derive.without_columns(release, [m for m in without.split(",") if m], out / release.version)
    console.print(f"{made.root}: {made.manifest['tier']}, with {', '.join(made.modalities)}")


@app.command()
def takedown(
    source: str,
    reason: Annotated[str, typer.Option()],
    work: Annotated[Path, typer.Option(help="Work folder to clean.")] = Path("work"),
    tables: Annotated[Path | None, typer.Option(help="Folder with sources.csv", show_default="as for a run")] = None,
    dataset: Annotated[Path | None, typer.Option(help="Folder of versions", show_default="WORK/dataset")] = None,
) -> None:
    """Remove a source from everything, for good, and write the next version without it."""
    folder = tables or tables_of(work)
    made, removed = takedowns.take_down(source, reason, folder, work, dataset or work / "dataset")
    console.print(f"{source}: in {folder / takedowns.TOMBSTONES}; {len(removed)} files and folders removed")
    if made:
        console.print(
            f"{made.root}: the version without it; publish it, and ask all who have an older one to delete it"
        )
