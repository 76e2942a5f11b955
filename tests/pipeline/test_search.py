"""From words to candidates, from candidates to sources, and what becomes of sources later: the commands as typed."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.site import Site, serving
from typer.testing import CliRunner

from annotations.tables import CANDIDATES, Source, TableError, read_tables
from pipeline import child, cli, search
from pipeline.errors import UserError
from pipeline.ledger import Ledger

ROOT = Path(__file__).parents[2]
HEADER = ",".join(CANDIDATES)
Command = Callable[..., str]


@pytest.fixture(scope="module")
def site(small_video: Path) -> Iterator[Site]:
    with serving(small_video) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'fakes'}")
        patch.setenv("TEST_SITE", running.url)
        child._child.cache_clear()
        yield running
        child._child.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tables without rows, and a configuration for the test site."""
    (tmp_path / "sources.csv").write_text("id,url,licence,notes\n")
    (tmp_path / "segments.csv").write_text("source,start,end,activity\n")
    (tmp_path / "config.toml").write_text(
        "[fetch]\nextractors = ['watchpage', 'generic']\nallow_private_hosts = true\nretries = 0\ntimeout_s = 5.0\n"
        "tries = 1\nbreaker_wait_s = 0.05\n"
    )
    return tmp_path


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command line of the pipeline on the folder; gives what it printed. Raises what it raises."""
    monkeypatch.setattr(cli.console, "width", 400)

    def run(*arguments: str) -> str:
        shared = ["--work", str(folder / "work"), "--config", str(folder / "config.toml"), "--tables", str(folder)]
        result = CliRunner().invoke(cli.app, [*shared, "--workers", "1", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "candidates.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_an_activity_is_searched_by_its_name_and_aliases(site: Site, folder: Path, command: Command) -> None:
    printed = command("search", "--activity", "push-up", "--count", "2")
    activity = read_tables().activities["push-up"]
    expected = [f"{name} {n}" for name in (activity.name, *activity.aliases) for n in range(2)]
    assert [row["title"] for row in rows(folder)] == expected
    assert rows(folder)[0] == {
        "id": "push-up-0",
        "url": f"{site.url}/watch/fine/push-up-0",
        "title": "push-up 0",
        "seconds": "60",
        "uploader": "somebody",
        "licence": "",
        "query": "push-up",
        "keep": "",
    }
    assert "push-up 1" in printed and "1:01" in printed and f"{len(expected)} new candidates" in printed


def test_rows_that_are_there_keep_every_byte(site: Site, folder: Path, command: Command) -> None:
    header = "\ufeffkeep,url,id,title,seconds,uploader,licence,query\r\n"
    mine = header + f' yes ,{site.url}/watch/fine/squat-0,mine,"a, ""b""",,,,x'
    path = folder / "candidates.csv"
    path.write_bytes(mine.encode())
    (folder / "sources.csv").write_text(f"id,url,licence,notes\ns,{site.url}/watch/fine/squat-1,,\n")
    assert "1 new candidates" in command("search", "--query", "squat", "--count", "3")
    added = f"\r\n,{site.url}/watch/fine/squat-2,squat-2,squat 2,62,somebody,,squat\r\n"
    assert path.read_bytes() == (mine + added).encode()
    assert "0 new candidates" in command("search", "--query", "squat", "--count", "3")
    assert path.read_bytes() == (mine + added).encode()


def test_what_was_dropped_or_taken_down_is_not_proposed_again(
    site: Site, folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "candidates.csv").write_text(f"{HEADER}\nplank-0,{site.url}/watch/fine/plank-0,,,,,,no\n")
    known = read_tables(sources_and_segments=folder)
    down = known.__class__(**{**known.__dict__, "takedowns": frozenset({"plank-1"})})
    monkeypatch.setattr(cli, "read_tables", lambda **_: down)
    command("search", "--query", "plank", "--count", "3")
    assert [row["id"] for row in rows(folder)] == ["plank-0", "plank-2"]


def test_a_playlist_is_listed_without_opening_its_videos(site: Site, folder: Path, command: Command) -> None:
    before = len(site.log)
    command("search", "--from", f"{site.url}/playlist/fine,missing.rss")
    assert [(row["id"], row["url"], row["title"]) for row in rows(folder)] == [
        ("fine-00", f"{site.url}/fine/0.mp4", "fine one"),
        ("missing-01", f"{site.url}/missing/1.mp4", "missing one"),
    ]
    assert [request.path for request in site.log[before:]] == ["/playlist/fine,missing.rss"]


def test_licences_come_from_the_pages_when_asked_for(site: Site, folder: Path, command: Command) -> None:
    command("search", "--query", "lunge", "--count", "2", "--licences")
    assert [row["licence"] for row in rows(folder)] == ["CC BY", "CC BY"]


def test_a_search_that_is_refused_is_one_line_and_keeps_what_came_before(
    site: Site, folder: Path, command: Command
) -> None:
    tables = read_tables()
    config = cli.configuration.load(folder / "config.toml").fetch
    path = folder / "candidates.csv"
    with pytest.raises(UserError, match=r"/missing/x: gone/removed: .*404"):
        search.search(["squat", f"{site.url}/missing/x"], 2, False, tables, path, config)
    assert [row["id"] for row in rows(folder)] == ["squat-0", "squat-1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search"], "give one of --activity, --query and --from"),
        (["search", "--query", "a", "--from", "https://example.org"], "give one of"),
        (["search", "--activity", "squatt"], "unknown activity 'squatt'; did you mean squat?"),
        (["retry", "gone/fishing"], r"unknown reason 'gone/fishing'; known: gone, blocked, .*gone/private"),
        (["retry", ""], "say which failures to put back: REASON="),
        (["download"], r"sources\.csv lists nothing"),
        (["probe"], r"sources\.csv lists nothing"),
    ],
)
def test_a_persons_mistake_is_said(command: Command, arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        command(*arguments)


def test_a_missing_cookies_file_is_said_before_anything_is_asked(site: Site, folder: Path, command: Command) -> None:
    (folder / "sources.csv").write_text(f"id,url,licence,notes\na,{site.url}/fine/cookie.mp4,,\n")
    (folder / "config.toml").write_text("[fetch]\ncookies = '/nowhere/cookies.txt'\n")
    for name in ("download", "probe"):
        with pytest.raises(UserError, match=r"/nowhere/cookies\.txt: no such cookies file"):
            command(name)
    assert site.requests["/fine/cookie.mp4"] == 0


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        ("=HYPERLINK(1)", " =HYPERLINK(1)"),
        ("two\nlines\x00\x1b[31m red", "two lines [31m red"),
        ("x" * 5000, "x" * 300),
        ('a "quoted", comma', 'a "quoted", comma'),
    ],
)
def test_titles_as_strangers_write_them_stay_in_their_cell(tmp_path: Path, title: str, cell: str) -> None:
    candidate = search.Candidate("-abc_defghi", "https://example.org/x", search._tidy(title), "", "", "", "q")
    path = tmp_path / "candidates.csv"
    path.write_bytes(search.appended(b"", [candidate]))
    assert rows(tmp_path)[0]["title"] == cell
    (row,) = search.read_candidates(path)
    assert row["id"] == "-abc_defghi" and row["title"] == cell.strip()


def test_from_search_to_sources_and_what_becomes_of_them(site: Site, folder: Path, command: Command) -> None:
    command("search", "--query", "burpee", "--count", "2")
    path = folder / "candidates.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + "yes", lines[2] + "no"]) + "\n")
    (folder / "sources.csv").write_text(
        f"id,url,licence,notes\np,{site.url}/watch/private/p,,\nr,{site.url}/watch/removed/r,,\nb,{site.url}/limited/b,,\n"
    )
    assert "fetch: 4 inputs = 1 done + 2 failed + 1 left" in command("download")
    assert (folder / "work" / "videos" / "burpee-0.mp4").exists()
    assert "ERROR: [WatchPage] p: Private video." in " ".join(command("status").split())

    account = "probe: 4 sources asked = 1 there + 1 blocked/rate-limited + 1 gone/private + 1 gone/removed"
    assert command("probe").rstrip().endswith(account)
    (folder / "sources.csv").write_text(
        f"id,url,licence,notes\np,{site.url}/watch/fine/p,,\nr,{site.url}/watch/removed/r,,\nb,{site.url}/limited/b,,\n"
    )
    assert "2 there" in (printed := command("probe")) and "; 1 changed since they were last asked" in printed

    assert "retry gone/private: 1 items put back (fetch 1)" in command("retry", "gone/private")
    assert "retry blocked: 0 items put back; 1 more are left" in command("retry", "blocked")
    assert "fetch: 4 inputs = 2 done + 1 failed + 1 left" in command("download")

    book = Ledger(folder / "work" / "ledger.sqlite")
    assert [attempt.reason for attempt in book.history("fetch", "p")] == ["gone/private", "gone/private", ""]
    assert [attempt.reason for attempt in book.history("probe", "p")] == ["gone/private", ""]
    assert [attempt.reason for attempt in book.history("fetch", "r")] == ["gone/removed"]
    page = book.latest("probe")["burpee-0"].record
    assert page == {
        "id": "burpee-0",
        "title": "The video burpee-0",
        "uploader": "somebody",
        "licence": "CC BY",
        "seconds": 3.0,
    }
    book.close()


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("dQw4w9WgXcQ", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://youtu.be/dQw4w9WgXcQ?t=5", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://m.youtube.com/watch?list=PL1&v=dQw4w9WgXcQ", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://example.org/watch?v=dQw4w9WgXcQ", "https://example.org/watch?v=dQw4w9WgXcQ"),
    ],
)
def test_a_youtube_video_has_one_address(folder: Path, written: str, address: str) -> None:
    (folder / "sources.csv").write_text(f"id,url,licence,notes\na,{written},CC BY,n\n")
    assert read_tables(sources_and_segments=folder).sources == {"a": Source("a", address, "CC BY", "n")}


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        ("b,dQw4w9WgXcQ,,,,,,yes", r"candidates\.csv:2: url 'dQw4w9WgXcQ' again, first in sources\.csv:2"),
        ("a,https://example.org/b,,,,,,yes", r"candidates\.csv:2: id 'a' again, first in sources\.csv:2"),
        ("b,https://example.org/b,,,,,,maybe", r"candidates\.csv:2: unknown keep 'maybe'"),
        ("b,nowhere,,,,,,", r"candidates\.csv:2: url 'nowhere' is no web address"),
        ("../b,https://example.org/b,,,,,,", r"candidates\.csv:2: id '../b' is no file name"),
    ],
)
def test_a_candidate_that_breaks_a_rule_is_refused(folder: Path, candidate: str, words: str) -> None:
    (folder / "sources.csv").write_text("id,url,licence,notes\na,https://youtu.be/dQw4w9WgXcQ,,\n")
    (folder / "candidates.csv").write_text(f"{HEADER}\n{candidate}\n")
    with pytest.raises(TableError, match=words):
        read_tables(sources_and_segments=folder)


def test_only_kept_candidates_are_sources(folder: Path) -> None:
    (folder / "candidates.csv").write_text(
        f"{HEADER}\nk,https://example.org/k,T,60,u,CC BY,q,yes\nd,https://example.org/d,,,,,,no\n"
        "o,https://example.org/o,,,,,,\n"
    )
    assert read_tables(sources_and_segments=folder).sources == {"k": Source("k", "https://example.org/k", "CC BY", "T")}
