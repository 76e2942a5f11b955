"""The breaker alone, on a clock of its own."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.breaker import Breaker
from pipeline.config import FetchConfig
from pipeline.errors import Failure, Reason

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
