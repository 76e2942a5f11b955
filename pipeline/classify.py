"""What a video site says → the reason. The words are YouTube's and yt-dlp's own."""

from __future__ import annotations

import re

from pipeline.errors import Reason

RULES: tuple[tuple[str, Reason], ...] = (
    (r"no space left|disk quota exceeded", Reason.OUT_OF_DISK),
    (r"is the private address", Reason.NOT_ALLOWED),
    (r"held back: the site refused another request", Reason.HELD),
    (r"not a bot|captcha|your IP is likely being blocked", Reason.BOT_CHECK),
    (r"HTTP Error 429|too many requests|has been rate.?limited", Reason.RATE_LIMITED),
    # YouTube's words for a session that asks too often; that the video is gone it says in others.
    (r"this content isn.t available", Reason.RATE_LIMITED),
    (r"not available on this app|latest version of youtube", Reason.BUG),  # yt-dlp is out of date
    (r"confirm your age|age.restricted|inappropriate for some users", Reason.AGE_RESTRICTED),
    (r"(account|channel)\b.* terminated|has closed their youtube account", Reason.TERMINATED),
    (r"private video|video is private|members.only|channel.s members", Reason.PRIVATE),
    (r"requires payment|premium members|only available (to|for) registered", Reason.PRIVATE),
    (r"\b(in|from|to) your (country|location|region)|geo.?restrict", Reason.GEO_BLOCKED),
    (r"premieres in|live event will begin|live event has ended|processing this video", Reason.NOT_YET),
    (r"larger than max-filesize|longer than max_seconds", Reason.TOO_LARGE),
    (r"no suitable extractor|unsupported url|not a single video|unknown url type", Reason.NOT_ALLOWED),
    (r"playback on other websites has been disabled|drm protected", Reason.NOT_ALLOWED),
    (
        r"did not get any data blocks|bytes read, .* more expected|file is empty|HTTP Error 416",
        Reason.TRUNCATED,
    ),
    # The addresses of media expire: the page is asked for new ones the next time.
    (r"video data: HTTP Error 403", Reason.UNREACHABLE),
    (r"HTTP Error 403", Reason.NOT_ALLOWED),
    (r"HTTP Error 4(04|10)", Reason.REMOVED),
    (
        r"HTTP Error 5\d\d|timed? ?out|connection|unreachable|name resolution|reset by peer",
        Reason.UNREACHABLE,
    ),
    (r"name or service not known|nodename nor servname|remote end closed|eof occurred", Reason.UNREACHABLE),
    (r"who has blocked it|copyright (claim|grounds)", Reason.REMOVED),
    (r"video unavailable|video is (not|unavailable)|isn.t available|no longer available", Reason.REMOVED),
    (r"removed|deleted|does not exist|recording is not available", Reason.REMOVED),
    (r"no video formats|requested format is not available|no video could be found", Reason.NO_VIDEO),
)
"""First match wins, case does not matter. What matches none is ours/bug: a message we have yet to learn."""

PREFIX = re.compile(r"(ERROR: )?(\[[^\]]*\] )?(\S+: )?")
"""yt-dlp's own opening: `ERROR: [extractor] id: `."""

ADDRESS = re.compile(r"\S+://\S+")
ADVICE = re.compile(
    r"(please report this issue on|use --cookies|you might want to use a vpn|it is recommended).*",
    re.I | re.S,
)


def classify(message: str) -> Reason:
    """The reason behind yt-dlp's words, whatever the video's id, its address and yt-dlp's advice contain."""
    words = ADVICE.sub("", ADDRESS.sub("", message[PREFIX.match(message).end() :]))  # type: ignore[union-attr]
    return next((reason for pattern, reason in RULES if re.search(pattern, words, re.IGNORECASE)), Reason.BUG)
