"""Candidates for sources: what a search, playlist or channel lists, added to candidates.csv for a person to judge."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from annotations.rules import SOURCE_ID, YOUTUBE_WATCH, TableError, youtube_id
from annotations.tables import CANDIDATES, Activity, Tables, closest, read_candidates
from pipeline import child, fetch
from pipeline.config import FetchConfig
from pipeline.errors import Failure, UserError
from pipeline.files import write_bytes
from pipeline.records import digest

MAX_CELL = 300
"""Longer titles and names are cut."""


@dataclass(frozen=True)
class Candidate:
    """One row of candidates.csv; `keep` is left to a person."""

    id: str
    url: str
    title: str
    seconds: str
    uploader: str
    licence: str
    query: str
    keep: str = ""


def phrases(activity: str, tables: Tables) -> list[str]:
    """What to search for an activity: its name and aliases. Raises UserError for one that is not in the tables."""
    if activity not in tables.activities:
        near = closest(activity, tables.activities)
        raise UserError(
            f"unknown activity {activity!r}{f'; did you mean {near}?' if near else ''} (annotations/activities.csv)"
        )
    found: Activity = tables.activities[activity]
    return [found.name, *found.aliases]


def search(
    queries: Iterable[str], count: int, ask_licence: bool, tables: Tables, path: Path, config: FetchConfig
) -> list[Candidate]:
    """Adds to the table at `path` what `queries` list and neither it nor `tables` has; returns the new rows.

    A query is an address of a playlist or channel, or words, of which the first `count` results are taken. Rows that
    are there keep every byte. A query that fails raises UserError; what those before it gave is added all the same.
    """
    fetch.check_cookies(config)
    known = _Known(tables, path)
    found: list[Candidate] = []
    try:
        for query in queries:
            for candidate in _list(query, count, config):
                if new := known.admit(candidate):
                    found.append(_with_licence(new, config) if ask_licence else new)
    finally:
        if found:
            write_bytes(path, appended(path.read_bytes() if path.exists() else b"", found))
    return found


class _Known:
    """What is not put before a person again: sources, candidates judged or not, and what was taken down."""

    def __init__(self, tables: Tables, path: Path) -> None:
        try:
            rows = read_candidates(path)
        except TableError as error:
            raise UserError(str(error)) from None
        listed = [(row["id"], row["url"]) for row in rows]
        listed += [(source.id, source.url) for source in tables.sources.values()]
        self._taken_down = tables.takedowns
        self._ids = {name for name, _ in listed}
        self._urls = {YOUTUBE_WATCH + video if (video := youtube_id(url)) else url for _, url in listed}

    def admit(self, candidate: Candidate) -> Candidate | None:
        """The candidate if it is new, from now on known; under another id where a different video has its own."""
        if candidate.url in self._urls or candidate.id in self._taken_down:
            return None
        if candidate.id in self._ids:
            candidate = replace(candidate, id=f"{candidate.id[:55]}-{digest(candidate.url)[:8]}")
        self._ids.add(candidate.id)
        self._urls.add(candidate.url)
        return candidate


def _list(query: str, count: int, config: FetchConfig) -> Iterator[Candidate]:
    address = query if re.match(r"https?://", query) else f"ytsearch{count}:{query}"
    request = fetch.request("list", address, config)
    request["options"] |= {
        "extract_flat": True,
        "noplaylist": False,
        # Lists have extractors of their own, such as youtube:search and youtube:tab.
        "allowed_extractors": [name for own in config.extractors for name in (own, f"{own}:.*")],
    }
    reply = child.ask(request, config.deadline_s)
    if isinstance(reply, Failure):
        raise UserError(f"{query}: {reply}")
    for entry in reply["entries"]:
        video = youtube_id(entry["url"])
        url = YOUTUBE_WATCH + video if video else entry["url"]
        if re.match(r"https?://", url):
            seconds = f"{entry['seconds']:.0f}" if entry["seconds"] else ""
            texts = (_tidy(entry[name]) for name in ("title", "uploader", "licence"))
            title, uploader, licence = texts
            yield Candidate(video or _name(entry["id"], url), url, title, seconds, uploader, licence, _tidy(query))


def _with_licence(candidate: Candidate, config: FetchConfig) -> Candidate:
    """Asks the video's own page, which lists leave out; a page that cannot be had leaves the licence empty."""
    reply = child.ask(fetch.request("look", candidate.url, config, candidate.id), config.deadline_s)
    if isinstance(reply, Failure):
        if reply.reason.branch == "blocked":
            raise UserError(f"{candidate.url}: {reply}")
        return candidate
    return replace(candidate, licence=_tidy(reply["video"]["licence"]))


def _name(name: str, url: str) -> str:
    """A source id for a video of another site: its id there, or the last part of its address."""
    given = name or Path(urlsplit(url).path).stem
    return given if SOURCE_ID.fullmatch(given) else re.sub(r"[^A-Za-z0-9_-]+", "-", given).strip("-")[:64] or "video"


def _tidy(text: str) -> str:
    """One line without control characters, not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_CELL]


def appended(table: bytes, rows: Iterable[Candidate]) -> bytes:
    """The table's bytes with rows behind them, in its own order of columns and with its line ends."""
    line_end = "\r\n" if b"\r\n" in table else "\n"
    text = table.decode("utf-8-sig")
    header = next(csv.reader(io.StringIO(text, newline="")), None)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator=line_end)
    if header is None:
        header = list(CANDIDATES)
        writer.writerow(header)
    elif not text.endswith("\n"):
        stream.write(line_end)
    for row in rows:
        writer.writerow([_harmless(getattr(row, column.strip())) for column in header])
    return table + stream.getvalue().encode()


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that starts like a formula for one; the space in front is not read as part of it."""
    return f" {cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def show(rows: list[Candidate], path: Path, console: Console) -> None:
    """Prints the new rows as a table, and what to do with them."""
    if rows:
        table = Table("id", "title", "length", "uploader", "licence", "query")
        for row in rows:
            minutes, seconds = divmod(int(row.seconds or 0), 60)
            length = f"{minutes}:{seconds:02d}" if row.seconds else ""
            table.add_row(*(Text(cell) for cell in (row.id, row.title, length, row.uploader, row.licence, row.query)))
        console.print(table)
    ending = "write yes or no in its column `keep`; `make download` takes what is kept" if rows else "nothing to judge"
    console.print(f"{len(rows)} new candidates in {path}; {ending}", highlight=False, soft_wrap=True)
