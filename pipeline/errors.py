"""Why an input did not come through: a closed tree of reasons.

Reason
├── Gone      the source cannot be had any more
│   ├── gone/private            the owner hides it
│   ├── gone/removed            deleted, or the address leads nowhere (404)
│   ├── gone/terminated         the owner's account is closed
│   ├── gone/geo-blocked        not shown in this country
│   └── gone/age-restricted     needs a signed-in adult
├── Blocked   the site does not want us now; the same request may work later
│   ├── blocked/rate-limited    429, or the site's words for it
│   ├── blocked/bot-check       "confirm you are not a bot"
│   ├── blocked/unreachable     no connection, reset, time-out, server error
│   ├── blocked/held            stopped half-way by us, because the site refused another request
│   └── blocked/not-yet         a premiere or live stream that has not come or ended
├── Broken    the file is there and is no usable video
│   ├── broken/truncated        ends before its header says
│   ├── broken/no-video         no video stream, or no video file at all
│   ├── broken/decode-error     the decoder gives up
│   ├── broken/too-short        ends before the segment, or has too few frames
│   └── broken/misaligned       its modalities disagree in frames, size or rate
├── Rejected  usable, and not wanted by the configuration
│   ├── rejected/no-person      no skeleton in enough frames
│   ├── rejected/too-large      over the limit of bytes, pixels or seconds
│   └── rejected/not-allowed    taken down, or from a site that is not allowed
└── Ours      our side
    ├── ours/bug                an exception that no stage expected
    ├── ours/killed             the worker died with it
    └── ours/out-of-disk        no space left

A stage returns its record or a `Failure`; it does not raise for bad input. `UserError` is for what a person
typed (a missing file, an unknown activity): the command line prints it as one line and exits with 2.
"""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    PRIVATE = "gone/private"
    REMOVED = "gone/removed"
    TERMINATED = "gone/terminated"
    GEO_BLOCKED = "gone/geo-blocked"
    AGE_RESTRICTED = "gone/age-restricted"
    RATE_LIMITED = "blocked/rate-limited"
    BOT_CHECK = "blocked/bot-check"
    UNREACHABLE = "blocked/unreachable"
    HELD = "blocked/held"
    NOT_YET = "blocked/not-yet"
    TRUNCATED = "broken/truncated"
    NO_VIDEO = "broken/no-video"
    DECODE_ERROR = "broken/decode-error"
    TOO_SHORT = "broken/too-short"
    MISALIGNED = "broken/misaligned"
    NO_PERSON = "rejected/no-person"
    TOO_LARGE = "rejected/too-large"
    NOT_ALLOWED = "rejected/not-allowed"
    BUG = "ours/bug"
    KILLED = "ours/killed"
    OUT_OF_DISK = "ours/out-of-disk"

    @property
    def branch(self) -> str:
        """The first part: gone, blocked, broken, rejected or ours."""
        return self.value.split("/")[0]

    @property
    def passing(self) -> bool:
        """Whether the same input may succeed later, so that the next run tries it again."""
        return self.branch in ("blocked", "ours")


@dataclass(frozen=True)
class Failure:
    """What a stage returns in place of its record. `detail` keeps the upstream message word for word; `retry_after`
    is the wait in seconds that the site asked for, if it did."""

    reason: Reason
    detail: str
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class UserError(Exception):
    """Something a person can mend; the message says what, where and what to do, in one line."""


def is_full_disk(error: BaseException) -> bool:
    """Whether an exception says that no space is left, in the words of the system or of SQLite."""
    if isinstance(error, sqlite3.OperationalError):
        return "disk" in str(error)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def from_exception(error: BaseException) -> Failure:
    """The failure for an exception that no stage turned into a value."""
    if is_full_disk(error):
        return Failure(Reason.OUT_OF_DISK, str(error))
    return Failure(Reason.BUG, f"{type(error).__name__}: {error}")
