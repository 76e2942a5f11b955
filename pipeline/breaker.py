"""When a request to a video site may go out: one budget for all workers, and a breaker that opens when it refuses.

    closed ──429 or bot check──► open ──wait is over──► half-open: one trial is out
      ▲                           ▲ wait doubles             │
      ├───────── answered ────────┼──────────────────────────┤
                                  └───────── refused ────────┘

Only the driver consults it, before it sends a call. Calls that are on the way when a request is refused stop before
their next request: the first downloader that is refused, and the driver when the breaker opens, set a flag in the work
folder, which all downloaders look at. A call that was stopped so comes back as held, and counts as a refusal, for
somebody was refused. A wait longer than the limit is not waited for: the breaker gives up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

from pipeline.config import FetchConfig
from pipeline.errors import Failure, Reason

REFUSALS = (Reason.RATE_LIMITED, Reason.BOT_CHECK, Reason.HELD)
NO_ANSWER = (Reason.UNREACHABLE, Reason.KILLED, Reason.BUG, Reason.OUT_OF_DISK)
"""What tells nothing about whether the site wants us."""


class Breaker:
    """The state machine; `clock` gives seconds."""

    def __init__(self, config: FetchConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = config.at_once
        self._first_wait = config.breaker_wait_s
        self._max_wait = config.breaker_max_wait_s
        self._clock = clock
        self._wait = 0.0
        self._until: float | None = None
        self._trial: Hashable = None
        self.given_up = False

    def delay(self, out: int) -> float:
        """Seconds until one more call may go out while `out` are; infinity: not before one of these comes back."""
        if self.given_up or self._trial is not None or out >= self._at_once:
            return math.inf
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    @property
    def is_open(self) -> bool:
        """Whether no request may go out, of a call on the way either."""
        return self._until is not None and self._trial is None

    def went(self, call: Hashable) -> bool:
        """A call goes out; says whether it is the trial."""
        if self.is_open:
            self._trial = call
        return self._trial == call

    def came(self, call: Hashable, failure: Failure | None) -> str:
        """A call came back. Returns what to tell the person who watches, or nothing."""
        refused = failure is not None and failure.reason in REFUSALS
        asked = failure.retry_after or 0.0 if failure is not None else 0.0
        if self._trial is not None and call == self._trial:
            self._trial = None
            if refused:
                return self._open(2 * self._wait, asked, failure)
            if failure is not None and failure.reason in NO_ANSWER:
                return self._open(self._wait, asked, failure)
            self._until = None
            return "the site answers again; downloads go on"
        if not refused:
            return ""
        if self._until is None:
            return self._open(self._first_wait, asked, failure)
        self._until = max(self._until, self._clock() + asked)
        return ""

    def _open(self, wait: float, asked: float, failure: Failure | None) -> str:
        self._wait = wait
        pause = max(wait, asked)
        self._until = self._clock() + pause
        why = f"waiting for the site ({failure.reason})" if failure else "waiting for the site"
        seconds = f"{round(pause, 1):g} s"
        if pause > self._max_wait:
            self.given_up = True
            return f"{why}: {seconds} is over fetch.breaker_max_wait_s; what is left is for a later run"
        return f"{why}: no request goes out for {seconds}, then one"
