"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError

LOCK = "lock"
"""File in a folder that one process holds while it writes there."""

PART = ".unfinished"
"""Ending of a file that is being written; `sweep` removes those that a killed process left."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; moves it in with `os.replace` when the block ends without error.

    A block that thinks better of it removes the temporary file, and nothing is moved.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        yield part
        if part.exists():
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a whole file, or leaves what was there."""
    with replacing(path) as part:
        part.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a whole UTF-8 file, or leaves what was there."""
    write_bytes(path, text.encode())


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a CSV table whole or not at all."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)


def share(source: Path, target: Path) -> None:
    """Puts a file that nobody changes in a second place: the same file where the disk allows it, else a copy."""
    with replacing(target) as part:
        try:
            part.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, part)


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Holds a folder alone while the block runs. Raises UserError if another process does, or it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"{folder}: no folder to write to ({error.strerror}); choose another") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"{folder}: another process is using this {what}; wait for it or choose another") from None
        yield


def sweep(folder: Path) -> int:
    """Removes what killed processes left half-written under `folder`; returns how many. Call it with no writer."""
    parts = [path for path in folder.rglob(f"*{PART}") if path.is_file()]
    for path in parts:
        path.unlink(missing_ok=True)
    return len(parts)
