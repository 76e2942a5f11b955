from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.site import Site, serving

from annotations.tables import Source
from pipeline.config import FetchConfig
from pipeline.errors import Failure, Reason
from pipeline.fetch import classify, fetch
from pipeline.records import Video, file_sha256

LOOPBACK = FetchConfig(extractors=("generic",), allow_private_hosts=True, retries=0, timeout_s=5)


@pytest.fixture(scope="module")
def site(small_video: Path) -> Iterator[Site]:
    with serving(small_video) as running:
        yield running


def source(url: str) -> Source:
    return Source(id="a-video", url=url, licence="", notes="")


def test_a_fine_video_arrives_byte_for_byte(site: Site, tmp_path: Path, small_video: Path) -> None:
    result = fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, LOOPBACK)
    assert isinstance(result, Video)
    assert result.sha256 == file_sha256(small_video) == file_sha256(tmp_path / result.path)
    assert (result.width, result.height, result.fps, result.duration) == (64, 48, 20.0, 3.0)
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["a-video.mp4"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", Reason.REMOVED),
        ("limited", Reason.RATE_LIMITED),
        ("broken-server", Reason.UNREACHABLE),
        ("truncated", Reason.TRUNCATED),
        ("page", Reason.NOT_ALLOWED),
        ("empty", Reason.TRUNCATED),
    ],
)
def test_each_fault_has_its_reason_and_leaves_no_video(site: Site, tmp_path: Path, fault: str, reason: Reason) -> None:
    result = fetch(source(f"{site.url}/{fault}/x.mp4"), tmp_path, LOOPBACK)
    assert isinstance(result, Failure)
    assert result.reason == reason, result.detail
    assert not list((tmp_path / "videos").glob("a-video*"))


def test_loopback_is_refused_unless_allowed(site: Site, tmp_path: Path) -> None:
    before = sum(site.requests.values())
    result = fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, FetchConfig(extractors=("generic",)))
    assert isinstance(result, Failure) and result.reason == Reason.NOT_ALLOWED
    assert "127.0.0.1" in result.detail
    assert sum(site.requests.values()) == before


def test_another_site_than_youtube_is_refused_by_default(site: Site, tmp_path: Path) -> None:
    result = fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, FetchConfig(allow_private_hosts=True))
    assert isinstance(result, Failure) and result.reason == Reason.NOT_ALLOWED


def test_longer_than_allowed_is_rejected_without_a_file(site: Site, tmp_path: Path) -> None:
    limits = FetchConfig(extractors=("generic",), allow_private_hosts=True, max_bytes=100)
    result = fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, limits)
    assert isinstance(result, Failure) and result.reason == Reason.TOO_LARGE
    assert not list((tmp_path / "videos").iterdir())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Private video. Sign in if you've been granted access to this video", Reason.PRIVATE),
        ("Video unavailable. This video has been removed by the uploader", Reason.REMOVED),
        (
            "Video unavailable. This video is no longer available because the YouTube account associated with this "
            "video has been terminated.",
            Reason.TERMINATED,
        ),
        ("The uploader has not made this video available in your country", Reason.GEO_BLOCKED),
        ("Sign in to confirm your age. This video may be inappropriate for some users.", Reason.AGE_RESTRICTED),
        ("Unable to download API page: HTTP Error 429: Too Many Requests", Reason.RATE_LIMITED),
        ("Sign in to confirm you’re not a bot. Use --cookies-from-browser", Reason.BOT_CHECK),
        ("Unable to download webpage: <urlopen error [Errno 111] Connection refused>", Reason.UNREACHABLE),
        ("something that nobody has seen yet", Reason.BUG),
    ],
)
def test_the_sites_words_are_understood(words: str, reason: Reason) -> None:
    assert classify(f"ERROR: [youtube] abcdefghijk: {words}") == reason
