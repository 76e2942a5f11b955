"""Downloads of sections, from a real server: the frames of the whole video, and only the bytes that they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes.site import Site, serving

from annotations.tables import Segment, Source, read_tables
from pipeline import fetch, media
from pipeline.config import CutConfig, FetchConfig
from pipeline.cut import cut, key_of
from pipeline.errors import Failure, Reason
from pipeline.ledger import Ledger
from pipeline.records import Clip, Video, file_sha256
from pipeline.remote import BLOCK_BYTES

CONFIG = FetchConfig(
    extractors=("generic",), allow_private_hosts=True, retries=1, retry_wait_s=0.01, timeout_s=5.0, sections=True
)
SPANS = ((20.0, 22.0), (61.3, 63.7), (118.0, 120.0))


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of noise, 10 frames a second: about a megabyte each four seconds."""
    path = tmp_path_factory.mktemp("video") / "long.mp4"
    noise = np.random.default_rng(0)
    frames = (noise.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(1200))
    media.encode(frames, path, 10, crf=12, gop=10)
    assert path.stat().st_size > 12 * BLOCK_BYTES
    return path


@pytest.fixture
def site(long_video: Path) -> Iterator[Site]:
    with serving(long_video) as running:
        yield running


def source(site: Site, fault: str = "fine") -> Source:
    return Source(id="a-video", url=f"{site.url}/{fault}/x.mp4", licence="", notes="")


def frames(path: Path, start: float, end: float) -> list[tuple[float, bytes]]:
    return [(round(time, 6), frame.tobytes()) for _, time, frame in media.decode_spans(path, [(start, end)])]


def test_the_sections_hold_the_frames_of_the_whole(site: Site, tmp_path: Path, long_video: Path) -> None:
    video = fetch.fetch(source(site), tmp_path, CONFIG, spans=SPANS)
    assert isinstance(video, Video), video
    assert video.fps == 10
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["a-video.mp4"]
    for start, end in SPANS:
        found = frames(tmp_path / video.path, start, end)
        assert len(found) == round(10 * (end - start))
        assert found == frames(long_video, start, end)
    asked = [entry.headers["Range"] for entry in site.log if "Range" in entry.headers]
    assert len(asked) == len(set(asked)) < 0.7 * long_video.stat().st_size / BLOCK_BYTES
    assert video.bytes < 0.2 * long_video.stat().st_size


def test_clips_of_sections_are_the_clips_of_the_whole(site: Site, tmp_path: Path) -> None:
    segments = [Segment("a-video", start, end, "squat") for start, end in SPANS]
    clips = {}
    for work, spans in ((tmp_path / "parts", SPANS), (tmp_path / "whole", ())):
        video = fetch.fetch(source(site), work, CONFIG, spans=spans)
        assert isinstance(video, Video)
        clips[work.name] = cut(video, segments, work, CutConfig())
    assert clips["parts"] == clips["whole"]
    assert all(isinstance(clips["parts"][key_of(segment)], Clip) for segment in segments)


def test_a_site_without_ranges_gives_the_whole(site: Site, tmp_path: Path, long_video: Path) -> None:
    video = fetch.fetch(source(site, "no-range"), tmp_path, CONFIG, spans=SPANS)
    assert isinstance(video, Video)
    assert video.sha256 == file_sha256(long_video)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", Reason.REMOVED),
        ("limited", Reason.RATE_LIMITED),
        ("truncated", Reason.TRUNCATED),
        ("page-as-video", Reason.NO_VIDEO),
        ("audio", Reason.NO_VIDEO),
    ],
)
def test_a_fault_has_its_reason(site: Site, tmp_path: Path, fault: str, reason: Reason) -> None:
    result = fetch.fetch(source(site, fault), tmp_path, CONFIG, spans=SPANS)
    assert isinstance(result, Failure) and result.reason == reason, result


def test_what_has_come_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    """The site refuses from the third request for the file's bytes on; the next attempt gets the rest."""
    seen = []

    def refuse(path: str) -> None:
        seen.append(path)
        site.refusals = 1 if len(seen) == 4 else 0

    site.before_answer = refuse
    refused = fetch.fetch(source(site), tmp_path, CONFIG, spans=SPANS)
    assert isinstance(refused, Failure), refused
    came = [entry.headers["Range"] for entry in site.log if "Range" in entry.headers and not entry.refused]
    site.before_answer = lambda path: None
    site.refusals = 0
    site.log.clear()
    fetch.flag(tmp_path).unlink()
    video = fetch.fetch(source(site), tmp_path, CONFIG, spans=SPANS)
    assert isinstance(video, Video)
    again = [entry.headers.get("Range") for entry in site.log]
    assert len(came) > 2 and not set(came[1:]) & set(again), (came, again)
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["a-video.mp4"]


def test_a_private_address_is_not_asked(site: Site, tmp_path: Path) -> None:
    result = fetch.fetch(source(site), tmp_path, replace(CONFIG, allow_private_hosts=False), spans=SPANS)
    assert isinstance(result, Failure) and result.reason == Reason.NOT_ALLOWED


def test_more_than_max_bytes_is_refused(site: Site, tmp_path: Path) -> None:
    result = fetch.fetch(source(site), tmp_path, replace(CONFIG, max_bytes=2 * BLOCK_BYTES), spans=SPANS)
    assert isinstance(result, Failure) and result.reason == Reason.TOO_LARGE
    assert not list((tmp_path / "videos").iterdir())


def test_only_a_source_whose_segments_change_is_downloaded_again(tmp_path: Path) -> None:
    def works(config: FetchConfig, *segments: Segment) -> dict[str, str]:
        sources = {name: Source(name, f"https://site/{name}", "", "") for name in "ab"}
        tables = replace(read_tables(), sources=sources, segments=segments)
        with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
            return fetch.plan(tables, ledger, tmp_path, config).ready

    first, second = Segment("a", 0.0, 1.0, "squat"), Segment("a", 5.0, 6.0, "squat")
    one, two = works(CONFIG, first), works(CONFIG, first, second)
    assert one["a"] != two["a"] and one["b"] == two["b"]
    whole = replace(CONFIG, sections=False)
    assert works(whole, first) == works(whole, first, second)
