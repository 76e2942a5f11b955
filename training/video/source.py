"""The video that somebody means: a file, or one on YouTube, which is downloaded first."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from annotations.rules import YOUTUBE_ID, YOUTUBE_WATCH, TableError, youtube_id
from annotations.tables import Source, read_tables
from pipeline import fetch
from pipeline.config import FetchConfig
from pipeline.errors import Failure, UserError
from pipeline.records import digest


def find(meant: str, work: Path, config: FetchConfig, tables: Path, console: Console) -> Path:
    """The file itself; for a YouTube id or a web address the file it is downloaded to, under work/videos.

    What is there is not downloaded again, and a download that was stopped goes on. Raises UserError for what is
    neither, for a video that was taken down (`tables` is the folder with sources.csv), and with the site's words for
    one that cannot be had.
    """
    address = re.match(r"https?://", meant)
    if not address and Path(meant).exists():
        return Path(meant)
    source = _source(meant)
    if source is None:
        raise UserError(f"{meant}: no such file; VIDEO= is a video file, or the id or address of a YouTube video")
    try:
        if source.id in read_tables(sources_and_segments=tables).takedowns:
            raise UserError(f"{meant}: taken down (takedowns.csv)")
    except TableError as error:
        raise UserError(str(error)) from None
    if there := sorted((work / "videos").glob(f"{source.id}.*")):
        return there[0]
    fetch.check_cookies(config)
    with console.status(f"downloading {source.url}"):
        found = fetch.fetch(source, work, config)
    if isinstance(found, Failure):
        raise UserError(f"{meant}: {found}")
    return work / found.path


def _source(meant: str) -> Source | None:
    name = meant if YOUTUBE_ID.fullmatch(meant) else youtube_id(meant)
    if name:
        return Source(name, YOUTUBE_WATCH + name, "", "")
    if re.match(r"https?://", meant):
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(urlsplit(meant).path).stem)[:48] or "video"
        return Source(f"{stem}-{digest(meant)[:8]}", meant, "", "")  # other addresses may end alike
    return None
