"""The words of YouTube and of yt-dlp, and the reasons behind them.

YouTube's are those that its player gives as playability status, put together as yt-dlp's YouTube extractor does;
the others are yt-dlp's own.
"""

from __future__ import annotations

import pytest

from pipeline.classify import classify
from pipeline.errors import Reason

COOKIES = (
    "Use --cookies-from-browser or --cookies for the authentication. See  "
    "https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies. "
    "Also see  https://github.com/yt-dlp/yt-dlp/wiki/Extractors#exporting-youtube-cookies  for tips on effectively "
    "exporting YouTube cookies"
)
REPORT = (
    "; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the appropriate issue "
    "template. Confirm you are on the latest version using  yt-dlp -U"
)

YOUTUBE = [
    (f"Private video. Sign in if you've been granted access to this video. {COOKIES}", Reason.PRIVATE),
    (f"This video is private. {COOKIES}", Reason.PRIVATE),
    (
        "Join this channel to get access to members-only content like this video, and other exclusive perks.",
        Reason.PRIVATE,
    ),
    (
        "This video is available to this channel's members on level: Assistant (or any higher level). Join this "
        "channel to get access to members-only content and other exclusive perks.",
        Reason.PRIVATE,
    ),
    ("This video is only available to Music Premium members", Reason.PRIVATE),
    ("This video requires payment to watch.", Reason.PRIVATE),
    ("Video unavailable", Reason.REMOVED),
    ("Video unavailable. This video is not available", Reason.REMOVED),
    ("Video unavailable. This video isn’t available anymore", Reason.REMOVED),
    ("Video unavailable. This video has been removed by the uploader", Reason.REMOVED),
    ("This video has been removed for violating YouTube's Terms of Service", Reason.REMOVED),
    ("This video has been removed for violating YouTube's policy on hate speech.", Reason.REMOVED),
    (
        "Video unavailable. This video is no longer available due to a copyright claim by Somebody",
        Reason.REMOVED,
    ),
    (
        "Video unavailable. This video contains content from SME, who has blocked it on copyright grounds",
        Reason.REMOVED,
    ),
    ("This video does not exist.", Reason.REMOVED),
    ("This live stream recording is not available.", Reason.REMOVED),
    (
        "Video unavailable. This video is no longer available because the YouTube account associated with this "
        "video has been terminated.",
        Reason.TERMINATED,
    ),
    (
        "Video unavailable. This video is no longer available because the uploader has closed their YouTube account.",
        Reason.TERMINATED,
    ),
    (
        "This account has been terminated for violating YouTube's Community Guidelines.",
        Reason.TERMINATED,
    ),
    (
        "The uploader has not made this video available in your country\nThis video is available in Germany.\nYou "
        "might want to use a VPN or a proxy server (with --proxy) to workaround.",
        Reason.GEO_BLOCKED,
    ),
    (
        "Video unavailable. This video contains content from Paramount Global (CBS), who has blocked it in your "
        "country on copyright grounds",
        Reason.GEO_BLOCKED,
    ),
    ("This video is not available from your location due to geo restriction", Reason.GEO_BLOCKED),
    (
        f"Sign in to confirm your age. This video may be inappropriate for some users. {COOKIES}",
        Reason.AGE_RESTRICTED,
    ),
    ("This video is age-restricted and only available on YouTube.", Reason.AGE_RESTRICTED),
    (f"Sign in to confirm you’re not a bot. {COOKIES}", Reason.BOT_CHECK),
    ("Sign in to confirm you're not a bot. This helps protect our community. Learn more", Reason.BOT_CHECK),
    (
        "Video unavailable. YouTube is requiring a captcha challenge before playback",
        Reason.BOT_CHECK,
    ),
    ("All player responses are invalid. Your IP is likely being blocked by Youtube", Reason.BOT_CHECK),
    (
        "Video unavailable. This content isn't available, try again later. The current session has been "
        "rate-limited by YouTube for up to an hour. It is recommended to use `-t sleep` to add a delay between "
        "video requests to avoid exceeding the rate limit. For more information, refer to  "
        "https://github.com/yt-dlp/yt-dlp/wiki/Extractors#this-content-isnt-available-try-again-later",
        Reason.RATE_LIMITED,
    ),
    ("Video unavailable. This content isn’t available.", Reason.RATE_LIMITED),
    ("Premieres in 6 hours", Reason.NOT_YET),
    ("This live event will begin in 2 days.", Reason.NOT_YET),
    ("This live event has ended.", Reason.NOT_YET),
    ("We're processing this video. Check back later.", Reason.NOT_YET),
    (
        "Video unavailable. Playback on other websites has been disabled by the video owner",
        Reason.NOT_ALLOWED,
    ),
    ("This video is DRM protected", Reason.NOT_ALLOWED),
    (
        "The following content is not available on this app.. Watch on the latest version of YouTube.",
        Reason.BUG,
    ),
]

YT_DLP = [
    (
        "Unable to download API page: HTTP Error 429: Too Many Requests (caused by <HTTPError 429: Too Many Requests>)",
        Reason.RATE_LIMITED,
    ),
    (
        "Unable to download webpage: HTTP Error 404: Not Found (caused by <HTTPError 404: Not Found>)",
        Reason.REMOVED,
    ),
    (
        "Unable to download webpage: HTTP Error 503: Service Unavailable (caused by <HTTPError 503: …>)",
        Reason.UNREACHABLE,
    ),
    (
        f"Unable to download webpage: [Errno 111] Connection refused (caused by TransportError('…')){REPORT}",
        Reason.UNREACHABLE,
    ),
    (
        "Unable to download webpage: [Errno -3] Temporary failure in name resolution (caused by …)",
        Reason.UNREACHABLE,
    ),
    ("Unable to download webpage: [Errno -2] Name or service not known (caused by …)", Reason.UNREACHABLE),
    ("Unable to download API page: The read operation timed out (caused by …)", Reason.UNREACHABLE),
    ("Unable to download webpage: Remote end closed connection without response", Reason.UNREACHABLE),
    (
        f"Requested format is not available. Use --list-formats for a list of available formats{REPORT}",
        Reason.NO_VIDEO,
    ),
    (f"No video formats found!{REPORT}", Reason.NO_VIDEO),
    (f"Unable to extract yt initial data{REPORT}", Reason.BUG),
    ("something that nobody has seen yet", Reason.BUG),
]


@pytest.mark.parametrize(("words", "reason"), YOUTUBE)
def test_what_youtube_says_is_understood(words: str, reason: Reason) -> None:
    assert classify(f"ERROR: [youtube] abcdefghijk: {words}") == reason


@pytest.mark.parametrize(("words", "reason"), YT_DLP)
def test_what_yt_dlp_says_is_understood(words: str, reason: Reason) -> None:
    assert classify(f"ERROR: [youtube] abcdefghijk: {words}") == reason
    assert classify(f"ERROR: [generic] {words}") == reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("ERROR: unable to download video data: HTTP Error 403: Forbidden", Reason.UNREACHABLE),
        ("ERROR: unable to write data: [Errno 28] No space left on device", Reason.OUT_OF_DISK),
        ("ERROR: Did not get any data blocks", Reason.TRUNCATED),
        (
            "ERROR: [download] Got error: 5 bytes read, 7 more expected. Giving up after 3 retries",
            Reason.TRUNCATED,
        ),
        ("ERROR: No suitable extractor found for URL https://example.org/removed", Reason.NOT_ALLOWED),
    ],
)
def test_messages_without_a_video_are_understood(message: str, reason: Reason) -> None:
    assert classify(message) == reason


@pytest.mark.parametrize(
    "name", ["private-video", "removed", "a-captcha", "HTTP_Error_429", "members-only", "geo-restricted"]
)
def test_neither_the_id_nor_the_address_decides(name: str) -> None:
    words = "Unable to download webpage: HTTP Error 503: Service Unavailable"
    assert classify(f"ERROR: [generic] {name}: {words}") == Reason.UNREACHABLE
    assert classify(f"ERROR: Unsupported URL: https://example.org/{name}/video") == Reason.NOT_ALLOWED
