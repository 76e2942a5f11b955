from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.ledger import Ledger, opened
from pipeline.records import Attempt


def attempt(item: str, reason: str, finished: float) -> Attempt:
    return Attempt("fetch", item, "w", reason, "", None if reason else {"id": item, "ü": [1.5]}, finished, 0.25)


def test_the_last_attempt_is_the_state_and_all_are_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.append([attempt("a", "blocked/rate-limited", 1.0), attempt("b", "", 2.0)])
    ledger.append([attempt("a", "", 3.0)])
    ledger.close()
    again = Ledger(tmp_path / "ledger.sqlite")
    assert again.latest("fetch") == {"a": attempt("a", "", 3.0), "b": attempt("b", "", 2.0)}
    assert [entry.reason for entry in again.history("fetch", "a")] == ["blocked/rate-limited", ""]
    again.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (3,)
    connection.close()


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(UserError, match="another process is using"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def test_a_file_that_is_no_ledger_is_said(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(UserError, match="not a usable ledger"), opened(tmp_path):
        pass
