"""One source → one video, against a real server with real faults, through the real yt-dlp in its own process."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from fakes.site import FAULTS, REFUSALS, RETRY_AFTER_S, Site, serving

from annotations.tables import Source
from pipeline import child, fetch
from pipeline.config import ConfigError, FetchConfig
from pipeline.errors import Failure, Reason
from pipeline.records import Video, file_sha256

ROOT = Path(__file__).parents[2]
LOOPBACK = FetchConfig(
    extractors=("watchpage", "generic"),
    allow_private_hosts=True,
    retries=1,
    retry_wait_s=0.01,
    timeout_s=0.5,
    deadline_s=30.0,
    max_bytes=10**6,
)
"""Impatient with a silent server; a process that takes long to start on a busy machine is waited for."""

PATIENT = replace(LOOPBACK, timeout_s=10.0, deadline_s=60.0)


@pytest.fixture(scope="module", autouse=True)
def extractors() -> Iterator[None]:
    """The downloader process of this module knows the test site's pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'fakes'}")
        child._child.cache_clear()
        yield
        child._child.cache_clear()


@pytest.fixture(scope="module")
def site(small_video: Path) -> Iterator[Site]:
    with serving(small_video) as running:
        yield running


def source(url: str) -> Source:
    return Source(id="a-video", url=url, licence="", notes="")


def files(work: Path) -> list[str]:
    return sorted(path.name for path in (work / "videos").iterdir())


def process() -> subprocess.Popen[str]:
    return child._child()._process


def test_a_fine_video_arrives_byte_for_byte(site: Site, tmp_path: Path, small_video: Path) -> None:
    result = fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, LOOPBACK)
    assert isinstance(result, Video)
    assert result.sha256 == file_sha256(small_video) == file_sha256(tmp_path / result.path)
    assert (result.width, result.height, result.fps, result.duration) == (64, 48, 20.0, 3.0)
    assert files(tmp_path) == ["a-video.mp4"]


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items())
def test_each_fault_of_a_file_has_its_reason(
    site: Site, tmp_path: Path, small_video: Path, fault: str, reason: Reason | None
) -> None:
    config = replace(LOOPBACK, deadline_s=2.0) if fault == "drip" else LOOPBACK
    result = fetch.fetch(source(f"{site.url}/{fault}/x.mp4"), tmp_path, config)
    if reason is None:
        assert isinstance(result, Video), result
        assert file_sha256(tmp_path / result.path) == file_sha256(small_video)
        assert files(tmp_path) == ["a-video.mp4"]
        return
    assert isinstance(result, Failure)
    assert result.reason == reason, result.detail
    assert result.retry_after == (RETRY_AFTER_S if fault == "limited-until" else None)
    assert result.reason.passing or not files(tmp_path)
    assert not (tmp_path / "videos" / "a-video.mp4").exists()


@pytest.mark.parametrize(("refusal", "expected"), REFUSALS.items())
def test_each_refusal_has_its_reason_and_its_words(
    site: Site, tmp_path: Path, refusal: str, expected: tuple[Reason, str, str]
) -> None:
    reason, *words = expected
    result = fetch.fetch(source(f"{site.url}/watch/{refusal}/x"), tmp_path, LOOPBACK)
    assert isinstance(result, Failure)
    assert result.reason == reason, result.detail
    assert any(part and part.removesuffix(".") in result.detail for part in words)


def test_loopback_is_refused_unless_allowed(site: Site, tmp_path: Path) -> None:
    before = sum(site.requests.values())
    result = fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, replace(LOOPBACK, allow_private_hosts=False))
    assert isinstance(result, Failure) and result.reason == Reason.NOT_ALLOWED
    assert "127.0.0.1" in result.detail and "allow_private_hosts" in result.detail
    assert sum(site.requests.values()) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.8", "169.254.1.1"])
def test_a_redirect_from_outside_to_a_private_address_is_refused(site: Site, tmp_path: Path, host: str) -> None:
    # The site stands in for the outside as the proxy that every request goes through.
    outside = replace(LOOPBACK, allow_private_hosts=False, proxies=(site.url,))
    inside = f"http://{host}:{site.server_address[1]}/fine/inside.mp4"
    result = fetch.fetch(source(f"http://93.184.215.14/redirect/x.mp4?to={quote(inside)}"), tmp_path, outside)
    assert isinstance(result, Failure) and result.reason == Reason.NOT_ALLOWED
    assert "is the private address" in result.detail
    assert site.requests["/redirect/x.mp4"] > 0 and site.requests["/fine/inside.mp4"] == 0


def test_a_redirect_outside_is_followed(site: Site, tmp_path: Path) -> None:
    outside = replace(LOOPBACK, allow_private_hosts=False, proxies=(site.url,))
    there = quote("http://93.184.215.14/fine/outside.mp4")
    result = fetch.fetch(source(f"http://93.184.215.14/redirect/y.mp4?to={there}"), tmp_path, outside)
    assert isinstance(result, Video), result


def test_another_site_than_youtube_is_refused_by_default(site: Site, tmp_path: Path) -> None:
    before = sum(site.requests.values())
    result = fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, FetchConfig(allow_private_hosts=True))
    assert isinstance(result, Failure) and result.reason == Reason.NOT_ALLOWED
    assert sum(site.requests.values()) == before


@pytest.mark.parametrize(
    ("page", "limits"),
    [
        ("fine/x.mp4", {"max_bytes": 100}),
        ("fine/x.mp4", {"max_seconds": 2.0}),
        ("watch/fine/x", {"max_seconds": 2.0}),
    ],
)
def test_more_than_allowed_is_rejected_without_a_file(
    site: Site, tmp_path: Path, page: str, limits: dict[str, float]
) -> None:
    result = fetch.fetch(source(f"{site.url}/{page}"), tmp_path, replace(LOOPBACK, **limits))  # type: ignore[arg-type]
    assert isinstance(result, Failure) and result.reason == Reason.TOO_LARGE, result
    assert not files(tmp_path)


def test_a_playlist_is_no_source(site: Site, tmp_path: Path) -> None:
    result = fetch.fetch(source(f"{site.url}/playlist/fine,fine.rss"), tmp_path, LOOPBACK)
    assert isinstance(result, Failure) and result.reason == Reason.NOT_ALLOWED


def test_a_source_keeps_its_proxy_and_takes_the_next_when_tried_again(
    site: Site, tmp_path: Path, small_video: Path
) -> None:
    with serving(small_video) as other:
        config = replace(LOOPBACK, proxies=(site.url, other.url))
        used = []
        for turn in (0, 0, 1, 2):
            before = len(site.log)
            result = fetch.fetch(source("http://93.184.215.14/fine/p.mp4"), tmp_path, config, turn)
            assert isinstance(result, Video)
            used.append(len(site.log) > before)
    assert used[0] == used[1] == used[3] != used[2]


def test_user_agent_and_cookies_are_sent_and_the_cookies_file_is_only_read(site: Site, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsession\tsecret\n"
    cookies.write_text(text)
    config = replace(LOOPBACK, user_agent="musclemap-test", cookies=str(cookies))
    assert isinstance(fetch.fetch(source(f"{site.url}/fine/c.mp4"), tmp_path / "work", config), Video)
    headers = [request.headers for request in site.log if request.path == "/fine/c.mp4"]
    assert headers
    assert {(h["User-Agent"], h["Cookie"]) for h in headers} == {("musclemap-test", "session=secret")}
    assert cookies.read_text() == text


def test_a_killed_download_goes_on_where_it_was(tmp_path: Path, small_video: Path) -> None:
    large = tmp_path / "large.mp4"
    padding = bytes(500_000)
    large.write_bytes(small_video.read_bytes() + struct.pack(">I4s", 8 + len(padding), b"free") + padding)
    arrived = 0

    def kill() -> None:
        nonlocal arrived
        while not arrived:
            time.sleep(0.02)
            arrived = sum(path.stat().st_size for path in (tmp_path / "videos").glob(".a-video.fetching-*"))
        process().kill()
        site.drip_s = 0.0

    with serving(large) as site:
        killer = threading.Thread(target=kill)
        killer.start()
        result = fetch.fetch(source(f"{site.url}/drip/k.mp4"), tmp_path, PATIENT)
        killer.join()
        assert isinstance(result, Video) and result.sha256 == file_sha256(large)
        start = int(site.log[-1].headers["Range"].removeprefix("bytes=").removesuffix("-"))
        assert arrived <= start < large.stat().st_size
    assert files(tmp_path) == ["a-video.mp4"]


def test_a_download_killed_after_its_last_byte_is_finished(site: Site, tmp_path: Path, small_video: Path) -> None:
    fetch.fetch(source(f"{site.url}/reset/l.mp4"), tmp_path, LOOPBACK)
    (partial,) = files(tmp_path)
    (tmp_path / "videos" / partial).write_bytes(small_video.read_bytes())
    result = fetch.fetch(source(f"{site.url}/fine/l.mp4"), tmp_path, LOOPBACK)
    assert isinstance(result, Video) and result.sha256 == file_sha256(small_video)
    assert files(tmp_path) == ["a-video.mp4"]


def test_what_has_arrived_of_another_format_is_not_gone_on_with(site: Site, tmp_path: Path, small_video: Path) -> None:
    fetch.fetch(source(f"{site.url}/reset/m.mp4"), tmp_path, replace(LOOPBACK, max_height=144))
    (partial,) = files(tmp_path)
    (tmp_path / "videos" / partial).write_bytes(b"other")
    result = fetch.fetch(source(f"{site.url}/fine/m.mp4"), tmp_path, LOOPBACK)
    assert isinstance(result, Video) and result.sha256 == file_sha256(small_video)
    assert files(tmp_path) == ["a-video.mp4"]


def test_a_new_download_takes_the_place_of_the_old(site: Site, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a-video.webm").write_bytes(b"old")
    assert isinstance(fetch.fetch(source(f"{site.url}/fine/n.mp4"), tmp_path, LOOPBACK), Video)
    assert files(tmp_path) == ["a-video.mp4"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"at_once": 0}, "at_once"),
        ({"tries": 0}, "tries"),
        ({"sleep_s": 3.0, "max_sleep_s": 1.0}, "max_sleep_s"),
        ({"breaker_wait_s": 0.0}, "breaker_wait_s"),
        ({"breaker_wait_s": 90.0, "breaker_max_wait_s": 60.0}, "breaker_max_wait_s"),
        ({"deadline_s": 0.0}, "deadline_s"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=rf"fetch\..*{words}"):
        replace(LOOPBACK, **settings)  # type: ignore[arg-type]


def test_one_process_serves_many_sources(site: Site, tmp_path: Path) -> None:
    fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, LOOPBACK)
    first = process().pid
    for fault in ("fine", "missing", "truncated", "fine"):
        fetch.fetch(source(f"{site.url}/{fault}/x.mp4"), tmp_path, LOOPBACK)
    assert process().pid == first


def test_a_process_that_was_killed_is_started_again(site: Site, tmp_path: Path) -> None:
    process().kill()
    assert isinstance(fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, LOOPBACK), Video)


def test_a_source_that_kills_its_process_twice_is_a_failure(site: Site, tmp_path: Path) -> None:
    stop = threading.Event()

    def kill() -> None:
        dead = set()
        while not stop.wait(0.05):
            running = process()
            if site.requests["/drip/twice.mp4"] >= 2 * len(dead) + 2 and running.pid not in dead:
                dead.add(running.pid)
                running.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    result = fetch.fetch(source(f"{site.url}/drip/twice.mp4"), tmp_path, PATIENT)
    stop.set()
    killer.join()
    assert isinstance(result, Failure) and result.reason == Reason.KILLED
    assert "killed by signal 9" in result.detail


def test_a_process_that_hangs_is_given_up_and_replaced(site: Site, tmp_path: Path) -> None:
    fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, LOOPBACK)
    hung = process()
    hung.send_signal(signal.SIGSTOP)
    result = fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, replace(LOOPBACK, deadline_s=0.5))
    assert isinstance(result, Failure) and result.reason == Reason.UNREACHABLE
    assert "fetch.deadline_s" in result.detail
    assert hung.wait(5) == -signal.SIGKILL
    assert isinstance(fetch.fetch(source(f"{site.url}/fine/x.mp4"), tmp_path, LOOPBACK), Video)


def test_the_last_words_of_a_process_that_ends_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yt_dlp.py").write_text("import sys\nsys.exit('no yt-dlp today')\n")
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
        child._child.cache_clear()
        result = fetch.fetch(source("http://127.0.0.1/fine/x.mp4"), tmp_path, LOOPBACK)
    assert result == Failure(Reason.BUG, "the downloader process ended with code 1: no yt-dlp today")


def test_the_process_ends_with_its_worker_in_the_middle_of_a_download(site: Site, tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "pipeline.downloader"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    asked = fetch.request("download", f"{site.url}/stall/w.mp4", PATIENT)
    asked |= {"target": str(tmp_path / "w"), "lock": str(tmp_path / "lock"), "spans": []}
    assert worker.stdin is not None
    print(json.dumps(asked), file=worker.stdin, flush=True)
    while site.requests["/stall/w.mp4"] < 2:
        time.sleep(0.02)
    assert worker.poll() is None
    worker.stdin.close()
    assert worker.wait(10) == 0
