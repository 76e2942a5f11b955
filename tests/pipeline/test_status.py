from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import status
from pipeline.errors import Failure, Reason
from pipeline.ledger import Ledger
from pipeline.records import Attempt
from pipeline.run import Plan


class Cells(HTMLParser):
    """The rows of the page's table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


@pytest.fixture
def account(tmp_path: Path) -> status.Account:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    limited = Attempt("fetch", "c", "w", "blocked/rate-limited", "HTTP Error 429", None, 0.0, 0.0)
    ledger.append([limited])
    plan = Plan("fetch")
    for item in ("a", "b"):
        plan.done[item] = Attempt("fetch", item, "w", "", "", {"path": item}, 0.0, 3.0)
    plan.failed["d"] = Failure(Reason.PRIVATE, "Private video <script>alert(1)</script>")
    plan.ready["c"] = "w"
    plan.waiting.append("e")
    result = status.account(plan, ledger)
    ledger.close()
    return result


def test_the_account_adds_up(account: status.Account) -> None:
    assert (account.inputs, account.done, account.failed, account.left) == (5, 2, 1, 2)
    assert account.inputs == account.done + account.failed + account.left
    assert {reason: len(items) for reason, items in account.reasons.items()} == {
        "blocked/rate-limited, to be tried again": 1,
        "gone/private": 1,
    }
    assert status.time_left(account, workers=2) == "0:00:03"  # two items of 3 s on two workers


def test_the_terminal_shows_counts_and_the_sites_words(account: status.Account) -> None:
    console = Console(width=200, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    status.show([account], 2, console)
    text = console.export_text()
    assert "gone/private" in text and "Private video" in text and "HTTP Error 429" in text


def test_the_page_has_the_same_numbers_and_is_safe(account: status.Account, tmp_path: Path) -> None:
    status.write_page([account], 2, tmp_path / "status.html")
    text = (tmp_path / "status.html").read_text()
    assert "<script>alert" not in text
    cells = Cells()
    cells.feed(text)
    assert cells.rows[1][:5] == ["fetch", "5", "2", "1", "2"]
    assert [row[1] for row in cells.rows[2:]] == ["blocked/rate-limited, to be tried again", "gone/private"]
