"""The ledger: every attempt ever made, append-only, in one SQLite file.

The state of an item in a stage is its last attempt; nothing is updated or deleted. Only the driver process
writes, and holds a lock on the work folder while it does, so a second driver is refused with a clear line.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import UserError, is_full_disk
from pipeline.files import locked
from pipeline.records import Attempt, canonical_json

SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY,
  stage TEXT NOT NULL,
  item TEXT NOT NULL,
  work TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  record TEXT,
  finished REAL NOT NULL,
  seconds REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_by_item ON attempts (stage, item, id);
CREATE VIEW IF NOT EXISTS state AS
  SELECT * FROM attempts WHERE id IN (SELECT max(id) FROM attempts GROUP BY stage, item);
"""

COLUMNS = "stage, item, work, reason, message, record, finished, seconds"


class Ledger:
    """Attempts in SQLite (WAL). Committed after every append: a kill loses at most the work in flight."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            if is_full_disk(error):
                raise
            raise UserError(f"{path}: not a usable ledger ({error}); move it away to start a new one") from None

    def append(self, attempts: Iterable[Attempt]) -> None:
        """Adds attempts in one transaction."""
        rows = [(a.stage, a.item, a.work, a.reason, a.message, _to_text(a), a.finished, a.seconds) for a in attempts]
        with self._connection:
            self._connection.executemany(f"INSERT INTO attempts ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?)", rows)

    def latest(self, stage: str) -> dict[str, Attempt]:
        """The last attempt of every item of a stage."""
        rows = self._connection.execute(f"SELECT {COLUMNS} FROM state WHERE stage = ?", (stage,))
        return {row[1]: _from_row(row) for row in rows}

    def history(self, stage: str, item: str) -> list[Attempt]:
        """All attempts on one item, oldest first."""
        query = f"SELECT {COLUMNS} FROM attempts WHERE stage = ? AND item = ? ORDER BY id"
        return [_from_row(row) for row in self._connection.execute(query, (stage, item))]

    def close(self) -> None:
        self._connection.close()


@contextmanager
def opened(work: Path) -> Iterator[Ledger]:
    """The ledger of a work folder, locked for this process. Raises UserError where another run holds it."""
    with locked(work, "work folder"):
        ledger = Ledger(work / "ledger.sqlite")
        try:
            yield ledger
        finally:
            ledger.close()


def _to_text(attempt: Attempt) -> str | None:
    return None if attempt.record is None else canonical_json(attempt.record)


def _from_row(row: tuple[str, str, str, str, str, str | None, float, float]) -> Attempt:
    stage, item, work, reason, message, record, finished, seconds = row
    return Attempt(
        stage, item, work, reason, message, None if record is None else json.loads(record), finished, seconds
    )
