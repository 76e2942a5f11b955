"""The breaker alone on a clock of its own, and in front of a real site with real workers."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.site import Site, serving
from hypothesis import given
from hypothesis import strategies as st

from annotations.tables import Source, Tables, read_tables
from pipeline import fetch
from pipeline.breaker import Breaker
from pipeline.cluster import Engine, engine
from pipeline.config import EngineConfig, FetchConfig
from pipeline.errors import Failure, Reason
from pipeline.ledger import Ledger
from pipeline.run import run_politely

ROOT = Path(__file__).parents[2]
LIMITED = Failure(Reason.RATE_LIMITED, "HTTP Error 429")
BOT = Failure(Reason.BOT_CHECK, "not a bot")
GONE = Failure(Reason.PRIVATE, "Private video")
LOST = Failure(Reason.UNREACHABLE, "reset")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(FetchConfig(at_once=2, breaker_wait_s=60, breaker_max_wait_s=300), clock)


def opened(breaker: Breaker, failure: Failure = LIMITED) -> Breaker:
    breaker.went("first")
    breaker.came("first", failure)
    return breaker


def test_the_budget_is_kept_while_all_is_well(breaker: Breaker) -> None:
    assert [breaker.delay(out) for out in range(4)] == [0, 0, math.inf, math.inf]
    for failure in (None, GONE, LOST):
        breaker.went("a")
        assert breaker.came("a", failure) == ""
    assert breaker.delay(1) == 0


@pytest.mark.parametrize("failure", [LIMITED, BOT])
def test_a_refusal_opens_it_and_then_one_goes_out(breaker: Breaker, clock: Clock, failure: Failure) -> None:
    breaker.went("first")
    breaker.went("second")
    assert str(failure.reason) in breaker.came("first", failure)
    assert breaker.delay(0) == breaker.delay(1) == 60
    clock.now += 59.5
    assert breaker.delay(0) == 0.5
    clock.now += 0.5
    assert breaker.delay(1) == 0
    breaker.went("trial")
    assert breaker.delay(0) == breaker.delay(1) == math.inf


def test_an_answer_to_the_trial_closes_it(breaker: Breaker, clock: Clock) -> None:
    for answer in (None, GONE):
        opened(breaker)
        clock.now += 60
        breaker.went("trial")
        assert "answers again" in breaker.came("trial", answer)
        assert [breaker.delay(out) for out in range(3)] == [0, 0, math.inf]


def test_each_refused_trial_doubles_the_wait_until_it_gives_up(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    for wait in (60, 120, 240):
        assert breaker.delay(0) == wait and not breaker.given_up
        clock.now += wait
        breaker.went("trial")
        words = breaker.came("trial", LIMITED)
    assert breaker.given_up and "later run" in words
    assert breaker.delay(0) == math.inf


def test_a_trial_that_reaches_nobody_is_repeated_after_the_same_wait(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 60
    breaker.went("trial")
    breaker.came("trial", LOST)
    assert breaker.delay(0) == 60


def test_the_site_is_not_asked_before_it_said(breaker: Breaker, clock: Clock) -> None:
    opened(breaker, replace(LIMITED, retry_after=200.0))
    assert breaker.delay(0) == 200
    clock.now += 200
    breaker.went("trial")
    breaker.came("trial", replace(LIMITED, retry_after=10.0))
    assert breaker.delay(0) == 120


def test_a_longer_wait_than_allowed_is_not_waited_for(breaker: Breaker) -> None:
    assert opened(breaker, replace(LIMITED, retry_after=301.0)).given_up


def test_those_still_on_the_way_do_not_close_it_and_may_only_lengthen_the_wait(breaker: Breaker, clock: Clock) -> None:
    breaker.went("second")
    opened(breaker)
    assert breaker.came("second", None) == ""
    assert breaker.delay(0) == 60
    breaker.came("third", replace(LIMITED, retry_after=90.0))
    assert breaker.delay(0) == 90
    clock.now += 90
    breaker.went("trial")
    breaker.came("fourth", None)
    assert breaker.delay(0) == math.inf


@given(
    steps=st.lists(st.tuples(st.floats(0, 200), st.sampled_from([None, LIMITED, BOT, GONE, LOST])), max_size=60),
    at_once=st.integers(1, 5),
)
def test_whatever_happens_the_budget_holds_and_one_trial_is_out(
    steps: list[tuple[float, Failure | None]], at_once: int
) -> None:
    clock = Clock()
    breaker = Breaker(FetchConfig(at_once=at_once, breaker_wait_s=60, breaker_max_wait_s=10**9), clock)
    out: list[int] = []
    refused_at = -math.inf
    for number, (seconds, failure) in enumerate(steps):
        clock.now += seconds
        sent = 0
        while breaker.delay(len(out)) == 0:
            out.append(number * 10 + sent)
            breaker.went(out[-1])
            sent += 1
        assert len(out) <= at_once
        assert not sent or clock.now >= refused_at + 60
        if refused_at > -math.inf:
            assert sent <= 1
        if out:
            call = out.pop(0)
            if breaker.came(call, failure).startswith("the site answers"):
                refused_at = -math.inf
            elif failure in (LIMITED, BOT) and refused_at == -math.inf:
                refused_at = clock.now


@pytest.fixture(scope="module")
def running() -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'fakes'}")
        with engine(EngineConfig(), scheduler="", workers=3) as started:
            yield started


@pytest.fixture
def site(small_video: Path) -> Iterator[Site]:
    with serving(small_video) as started:
        yield started


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    book = Ledger(tmp_path / "ledger.sqlite")
    yield book
    book.close()


CONFIG = FetchConfig(
    extractors=("watchpage", "generic"),
    allow_private_hosts=True,
    retries=0,
    timeout_s=5,
    breaker_wait_s=0.3,
    breaker_max_wait_s=10,
)


def tables(urls: dict[str, str]) -> Tables:
    return replace(read_tables(), sources={name: Source(name, url, "", "") for name, url in urls.items()})


def download(known: Tables, work: Path, running: Engine, ledger: Ledger, config: FetchConfig) -> fetch.Plan:
    left = fetch.plan(known, ledger, work, config)
    run_politely("download", fetch.tasks(left, known, work, config), running, ledger, "videos", config)
    return fetch.plan(known, ledger, work, config)


def fine(site: Site, count: int) -> Tables:
    return tables({f"v{n}": f"{site.url}/watch/fine/v{n}" for n in range(count)})


def test_one_budget_for_all_workers(running: Engine, site: Site, tmp_path: Path, ledger: Ledger) -> None:
    known = tables({f"v{n}": f"{site.url}/watch/drip/v{n}" for n in range(5)})
    site.drip_s = 0.003
    plan = download(known, tmp_path, running, ledger, replace(CONFIG, at_once=2))
    assert len(plan.done) == 5 and site.most_at_once == 2


def test_while_the_site_refuses_one_request_goes_out_at_a_time(
    running: Engine, site: Site, tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    site.refusals = 3
    plan = download(fine(site, 6), tmp_path, running, ledger, CONFIG)
    assert len(plan.done) == plan.inputs == 6
    refused = [request.time for request in site.log if request.refused]
    answered = [request.time for request in site.log if not request.refused]
    assert len(refused) == 3
    # One more was on the way when the first refusal came; then one trial, and after twice the wait the next.
    assert refused[2] - refused[0] >= 0.3
    assert answered[0] - refused[2] >= 0.6
    histories = [[attempt.reason for attempt in ledger.history("fetch", f"v{n}")] for n in range(6)]
    assert sum(history == ["blocked/rate-limited", ""] for history in histories) == 3
    assert sum(history == [""] for history in histories) == 3
    said = capsys.readouterr().out
    assert "blocked/rate-limited: no request goes out" in said and "answers again" in said


def test_the_workers_wait_as_long_as_the_site_asks(running: Engine, site: Site, tmp_path: Path, ledger: Ledger) -> None:
    site.refusals, site.retry_after = 1, "1"
    plan = download(fine(site, 2), tmp_path, running, ledger, replace(CONFIG, at_once=1, breaker_wait_s=0.05))
    assert len(plan.done) == 2
    assert site.log[1].time - site.log[0].time >= 1


def test_a_site_that_goes_on_refusing_is_left_to_a_later_run(
    running: Engine, site: Site, tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    site.refusals = math.inf
    known = fine(site, 20)
    config = replace(CONFIG, at_once=1, breaker_wait_s=0.05, breaker_max_wait_s=0.2)
    plan = download(known, tmp_path, running, ledger, config)
    assert plan.left == plan.inputs == 20
    assert len(site.log) == 4  # the first, and trials after 0.05, 0.1 and 0.2 s
    assert len(ledger.latest("fetch")) == 4
    assert "for a later run" in capsys.readouterr().out
    site.refusals = 0
    assert len(download(known, tmp_path, running, ledger, config).done) == 20


def test_one_source_that_is_always_refused_does_not_hold_up_the_others(
    running: Engine, site: Site, tmp_path: Path, ledger: Ledger
) -> None:
    refused = {"bot": f"{site.url}/watch/bot-check/x", "limited": f"{site.url}/limited/x.mp4"}
    known = tables(refused | {f"v{n}": f"{site.url}/fine/v{n}.mp4" for n in range(4)})
    config = replace(CONFIG, breaker_wait_s=0.05, tries=2)
    plan = download(known, tmp_path, running, ledger, config)
    assert sorted(plan.done) == ["v0", "v1", "v2", "v3"] and sorted(plan.ready) == ["bot", "limited"]
    assert [attempt.reason for attempt in ledger.history("fetch", "bot")] == ["blocked/bot-check"] * 2
    assert [attempt.reason for attempt in ledger.history("fetch", "limited")] == ["blocked/rate-limited"] * 2


def test_every_source_ends_in_one_state_with_its_reason(
    running: Engine, site: Site, tmp_path: Path, ledger: Ledger
) -> None:
    pages = ["private", "removed", "terminated", "geo-blocked", "age-restricted", "premiere", "fine"]
    known = tables({page: f"{site.url}/watch/{page}/{page}" for page in pages} | {"file": f"{site.url}/empty/x.mp4"})
    known = replace(known, takedowns=frozenset({"fine"}))
    plan = download(known, tmp_path, running, ledger, CONFIG)
    assert {item: str(failure.reason) for item, failure in plan.failed.items()} == {
        "private": "gone/private",
        "removed": "gone/removed",
        "terminated": "gone/terminated",
        "geo-blocked": "gone/geo-blocked",
        "age-restricted": "gone/age-restricted",
        "fine": "rejected/not-allowed",
        "file": "broken/truncated",
    }
    assert list(plan.ready) == ["premiere"] and not plan.done
    assert plan.inputs == 8
    assert not list((tmp_path / "videos").iterdir())
