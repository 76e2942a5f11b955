"""Many sources on a real cluster, in front of a site that refuses, and with workers that die."""

from __future__ import annotations

import math
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.site import Site, serving

from annotations.tables import Source, Tables, read_tables
from pipeline import fetch
from pipeline.cluster import Engine, engine
from pipeline.config import EngineConfig, FetchConfig
from pipeline.ledger import Ledger
from pipeline.records import file_sha256
from pipeline.run import Task, run_politely

ROOT = Path(__file__).parents[2]


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
    tasks = fetch.tasks(left, known, work, config)
    run_politely("download", tasks, running, ledger, "videos", config, fetch.flag(work))
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
    assert all(history[-1] == "" for history in histories)
    assert sum(history.count("blocked/rate-limited") for history in histories) == 3
    said = capsys.readouterr().out
    assert "waiting for the site (blocked/" in said and "answers again" in said


@pytest.mark.parametrize("refusal", ["limited/x.mp4", "watch/bot-check/x"])
def test_a_source_that_is_on_the_way_when_another_is_refused_asks_no_further(
    running: Engine, site: Site, tmp_path: Path, ledger: Ledger, refusal: str
) -> None:
    urls = {"a": "watch/fine/a", "b": "watch/fine/b", "c": refusal, "d": "watch/fine/d"}
    known = tables({name: f"{site.url}/{path}" for name, path in urls.items()})
    flag = fetch.flag(tmp_path)

    def before_answer(path: str) -> None:
        # a, b and c are out together; c is refused, and only then do the others get their first answer.
        ready = (lambda: len(site.log) >= 3) if path == f"/{refusal}" else flag.exists
        while len(site.log) <= 3 and not ready():
            time.sleep(0.005)

    site.before_answer = before_answer
    plan = download(known, tmp_path, running, ledger, replace(CONFIG, at_once=3, tries=1))
    assert sorted(plan.done) == ["a", "b", "d"] and list(plan.ready) == ["c"]
    for name in ("a", "b"):
        assert [attempt.reason for attempt in ledger.history("fetch", name)] == ["blocked/held", ""]
    assert site.log[3].time - site.log[2].time >= 0.3
    assert not flag.exists()


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
    for name, reason in (("bot", "blocked/bot-check"), ("limited", "blocked/rate-limited")):
        reasons = [attempt.reason for attempt in ledger.history("fetch", name)]
        assert [found for found in reasons if found != "blocked/held"] == [reason] * 2


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


def test_a_download_goes_on_elsewhere_when_its_worker_is_killed(
    running: Engine, tmp_path: Path, small_video: Path, ledger: Ledger
) -> None:
    large = tmp_path / "large.mp4"
    padding = bytes(500_000)
    large.write_bytes(small_video.read_bytes() + struct.pack(">I4s", 8 + len(padding), b"free") + padding)
    with serving(large) as site:
        client = running._client
        pids = client.run(os.getpid)

        def kill() -> None:
            while not any(path.stat().st_size for path in (tmp_path / "work" / "videos").glob(".v.fetching-*")):
                time.sleep(0.02)
            (holder,) = (worker for worker, tasks in client.processing().items() if tasks)
            os.kill(pids[holder], signal.SIGKILL)
            while site.requests["/watch/drip/v"] < 2:
                time.sleep(0.02)
            site.drip_s = 0.0

        killer = threading.Thread(target=kill)
        killer.start()
        plan = download(tables({"v": f"{site.url}/watch/drip/v"}), tmp_path / "work", running, ledger, CONFIG)
        killer.join()
        assert plan.done["v"].record is not None and plan.done["v"].record["sha256"] == file_sha256(large)
        assert site.log[-1].headers["Range"].startswith("bytes=")
    assert [path.name for path in (tmp_path / "work" / "videos").iterdir()] == ["v.mp4"]


def test_a_source_that_kills_its_worker_each_time_is_a_failure(running: Engine, tmp_path: Path, ledger: Ledger) -> None:
    tasks = [Task({("fetch", "deadly"): "w"}, lambda turn: os._exit(turn))]
    run_politely("download", tasks, running, ledger, "videos", CONFIG, tmp_path / "flag")
    assert [attempt.reason for attempt in ledger.history("fetch", "deadly")] == ["ours/killed"]


def test_what_arrived_of_sources_that_are_not_asked_for_again_is_removed(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in (".a.fetching-1234.mp4.0.mp4.part", ".b.fetching-1234.mp4.0.mp4.part", "b.mp4"):
        (tmp_path / "videos" / name).touch()
    fetch.sweep(fetch.Plan("fetch", ready={"a": "work"}), tmp_path)
    left = sorted(path.name for path in (tmp_path / "videos").iterdir())
    assert left == [".a.fetching-1234.mp4.0.mp4.part", "b.mp4"]
