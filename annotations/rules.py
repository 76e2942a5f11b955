"""Rows of a CSV file with their line numbers, and the checks of one cell; a broken rule is a TableError.

Files are UTF-8 with a header row; a byte order mark, Windows line ends, empty lines and spaces around a value
are allowed. Columns may stand in any order, but must be exactly those of the table.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SOURCE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
YOUTUBE_WATCH = "https://www.youtube.com/watch?v="
MAX_SECONDS = 24 * 3600.0
"""No source is longer than a day: a larger time is a slip, such as milliseconds."""
LONGEST_REASON = 200
"""Characters of a message about one cell."""


class TableError(ValueError):
    """A table that breaks a rule: one line, "file:line: what is wrong; what to do"."""


@dataclass(frozen=True)
class Row:
    """One row: its cells by column, without the spaces around them, and where it starts."""

    path: Path
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def error(self, reason: str, remedy: str) -> TableError:
        """A broken rule at this line. A long cell is not repeated whole."""
        if len(reason) > LONGEST_REASON:
            reason = f"{reason[: LONGEST_REASON // 2]} … {reason[-LONGEST_REASON // 2 :]}"
        return TableError(f"{self.path}:{self.line}: {reason}; {remedy}")


def read_rows(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """The rows of the table at `path`; raises TableError if it is missing, no CSV, or has other columns.

    A column of `optional` that is not there is "" in every row.
    """
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if header is None:
                columns = [*columns, *(column for column in optional if column in cells)]
                _check_header(path, start, cells, columns)
                header = cells
            elif cells:
                _check_width(path, start, cells, header)
                rows.append(Row(path, start, dict.fromkeys(optional, "") | dict(zip(header, cells, strict=True))))
            start = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"{path}:{start}: {error}; mend the quotes in this row") from error
    if header is None:
        raise TableError(f"{path}:1: the file is empty; give it the header {','.join(columns)}")
    return rows


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path}:1: cannot be read ({error.strerror}); put the table there") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The position counts from behind a byte order mark, which holds no line end.
        line = error.object.count(b"\n", 0, error.start) + 1
        bad = error.object[error.start : error.start + 1].hex()
        raise TableError(f"{path}:{line}: byte 0x{bad} is not UTF-8; save the file as UTF-8") from error


def _check_header(path: Path, line: int, header: list[str], columns: Sequence[str]) -> None:
    want = f"the header must be {','.join(columns)}"
    for column, count in Counter(header).items():
        if column not in columns:
            raise TableError(f"{path}:{line}: unknown column {column!r}; {want}")
        if count > 1:
            raise TableError(f"{path}:{line}: column {column!r} twice; {want}")
    for column in columns:
        if column not in header:
            raise TableError(f"{path}:{line}: no column {column!r}; {want}")


def _check_width(path: Path, line: int, cells: list[str], header: list[str]) -> None:
    if len(cells) != len(header):
        raise TableError(
            f"{path}:{line}: {len(cells)} cell(s) where the header has {len(header)}; "
            "put quotes around a value that holds a comma"
        )


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like `name`, or "" where none is near."""
    match = difflib.get_close_matches(name.lower(), sorted(known), n=1)
    return match[0] if match else ""


def _hint(name: str, known: Iterable[str]) -> str:
    near = closest(name, known)
    return f"did you mean {near!r}? Otherwise " if near else ""


def one_of(row: Row, column: str, known: Collection[str], table: str) -> str:
    """The cell, which must be one of `known`, the names in `table`."""
    value = row[column]
    if value not in known:
        raise row.error(f"unknown {column} {value!r}", f"{_hint(value, known)}add it to {table}")
    return value


def word(row: Row, column: str, vocabulary: Sequence[str]) -> str:
    """The cell, which must be a word of a closed vocabulary."""
    value = row[column]
    if value not in vocabulary:
        remedy = f"{_hint(value, vocabulary)}use one of {', '.join(vocabulary)}"
        raise row.error(f"unknown {column} {value!r}", remedy)
    return value


def text(row: Row, column: str) -> str:
    """The cell, which must not be empty."""
    if not row[column]:
        raise row.error(f"no {column}", "fill the cell")
    return row[column]


def slug(row: Row, column: str = "slug") -> str:
    """The cell, which must be a kebab-case name."""
    value = row[column]
    if not SLUG.fullmatch(value):
        raise row.error(f"{column} {value!r} is not kebab-case", "write small letters and digits joined by '-'")
    return value


def source_id(row: Row, column: str) -> str:
    """The cell, which must serve as a file name: 1 to 64 of A-Z a-z 0-9 _ and -."""
    value = row[column]
    if not SOURCE_ID.fullmatch(value):
        raise row.error(f"{column} {value!r} is no file name", "use 1 to 64 of A-Z, a-z, 0-9, '_' and '-'")
    return value


def seconds(row: Row, column: str) -> float:
    """The cell as a time in a source, in seconds."""
    value = row[column]
    if not SECONDS.fullmatch(value):
        raise row.error(f"{column} {value!r} is no time", "write seconds from 0 up as a plain number, such as 12.5")
    if float(value) > MAX_SECONDS:
        raise row.error(f"{column} {value!r} is over a day", "write seconds, not milliseconds")
    return float(value)


def web_address(row: Row, column: str) -> str:
    """The cell, which must be an http(s) address with a host."""
    value = row[column]
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", value):
        raise row.error(f"{column} {value!r} is no web address", "write one that starts with https:// or http://")
    return value


def video_address(row: Row, column: str) -> str:
    """The cell as the address of a video: a web address, or the 11 characters of a YouTube id.

    YouTube's several addresses of one video become the same one.
    """
    if YOUTUBE_ID.fullmatch(row[column]):
        return YOUTUBE_WATCH + row[column]
    address = web_address(row, column)
    video = youtube_id(address)
    return YOUTUBE_WATCH + video if video else address


def youtube_id(address: str) -> str:
    """The id of the video that a YouTube address shows, or "" where it shows none."""
    parts = urlsplit(address)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.").removeprefix("music.")
    first, _, second = parts.path.strip("/").partition("/")
    if host == "youtu.be":
        found = first
    elif host not in ("youtube.com", "youtube-nocookie.com"):
        found = ""
    elif first == "watch":
        found = parse_qs(parts.query).get("v", [""])[0]
    else:
        found = second if first in ("shorts", "embed", "live", "v") else ""
    return found if YOUTUBE_ID.fullmatch(found) else ""


def unique(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Raises TableError where two rows agree in all of `columns`."""
    first: dict[tuple[str, ...], Row] = {}
    for row in rows:
        cells = tuple(row[column] for column in columns)
        if cells in first:
            what = ", ".join(f"{column} {cell!r}" for column, cell in zip(columns, cells, strict=True))
            raise row.error(f"{what} again, first in line {first[cells].line}", "remove or rename one of them")
        first[cells] = row
