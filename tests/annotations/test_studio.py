"""The page to annotate on, in a real headless Chromium; the files it leaves are read by the tables' own readers."""

from __future__ import annotations

import csv
import http.client
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import waitress
from waitress import wasyncore

from annotations.labels import Annotator, Judgement, read_annotator, read_decisions, write_annotator
from annotations.studio.media import Media
from annotations.studio.server import application
from annotations.studio.store import Conflict, Store
from annotations.tables import PACKAGE_DIR, read_activities, read_muscles
from pipeline.records import clip_key

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

ACTIVITIES = read_activities(PACKAGE_DIR)
MUSCLES = read_muscles(PACKAGE_DIR)
SLUGS = tuple(muscle.slug for muscle in MUSCLES)
FIRST, SECOND = list(ACTIVITIES)[:2]
CLIP = clip_key("long", 0.5, 1.5)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tables", tmp_path / "tables", tuple(ACTIVITIES), SLUGS)


@pytest.fixture
def address(store: Store, tmp_path: Path, small_video: Path) -> Iterator[str]:
    """A server with one long video and one clip with its skeleton; ends with the test."""
    work = tmp_path / "work"
    for place in (work / "videos" / "long.mp4", work / "clips" / f"{CLIP}.mp4"):
        place.parent.mkdir(parents=True)
        shutil.copyfile(small_video, place)
    (work / "payloads" / "skeleton").mkdir(parents=True)
    joints = np.tile(np.array([20, 20, 1], np.float32), (60, 17, 1))
    shown = np.ones(60, bool)
    np.savez(
        work / "payloads" / "skeleton" / f"{CLIP}.npz",
        joints=joints,
        found=shown,
        interpolated=~shown,
        layout="coco-17",
    )
    store.folder.mkdir()
    (store.folder / "segments.csv").write_text(f"source,start,end,activity\nlong,0.500,1.500,{FIRST}\n")
    web, sockets, ended = application(store, Media(work), ACTIVITIES, MUSCLES), {}, threading.Event()
    server = waitress.create_server(web, map=sockets, host="127.0.0.1", port=0, threads=4)

    def serve() -> None:
        while not ended.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{server.effective_port}"
    ended.set()
    thread.join()
    server.task_dispatcher.shutdown()
    wasyncore.close_all(sockets)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium and chromedriver on this machine (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1500,950"):
        options.add_argument(word)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def start(browser: Any, address: str, name: str = "anna") -> None:
    browser.get(f"http://{address}/")
    field = browser.find_element(By.ID, "name")
    field.clear()
    field.send_keys(name, Keys.ENTER)
    until(browser, lambda: browser.find_element(By.ID, "title").text == ACTIVITIES[FIRST].name)


def until(browser: Any, true: Any) -> None:
    WebDriverWait(browser, 10, 0.05).until(lambda _: true())


def saved(browser: Any) -> None:
    until(browser, lambda: browser.find_element(By.ID, "saved").text == "saved")


def press(browser: Any, *keys: str) -> None:
    webdriver.ActionChains(browser).send_keys(*keys).perform()


def said(store: Store, name: str = "anna") -> Annotator:
    return read_annotator(store.folder / "labels" / f"{name}.csv", ACTIVITIES, SLUGS)


def test_every_click_and_key_is_in_the_file_and_resumed(browser: Any, address: str, store: Store) -> None:
    start(browser, address)
    browser.find_element(By.CSS_SELECTOR, "#body .muscle[data-muscle=chest] path").click()
    saved(browser)
    assert said(store).judgements == {(FIRST, "chest"): Judgement(1)}
    browser.find_element(By.CSS_SELECTOR, "#groups label[data-muscle=biceps]").click()
    press(browser, "p", "p")  # the twentieth group, twice: not active
    until(browser, lambda: len(said(store).judgements) == 3)
    until(browser, lambda: said(store).judgements[FIRST, "wrists"].value == 0)
    press(browser, Keys.ENTER)
    until(browser, lambda: len(said(store).judgements) == 20)
    assert {muscle for (_, muscle), cell in said(store).judgements.items() if cell.value} == {"chest", "biceps"}
    assert browser.find_element(By.ID, "title").text == ACTIVITIES[SECOND].name
    browser.get(f"http://{address}/")  # a new tab begins where there is something to do
    until(browser, lambda: browser.find_element(By.ID, "title").text == ACTIVITIES[SECOND].name)
    assert browser.find_element(By.ID, "count").text == f"1 of {len(ACTIVITIES)}"


def test_clip_plays_with_its_skeleton(browser: Any, address: str) -> None:
    start(browser, address)
    drawn = "const c = document.getElementById('bones'); return [...c.getContext('2d').getImageData(20, 20, 1, 1).data]"
    until(browser, lambda: browser.execute_script("return document.getElementById('clip').currentTime > 0"))
    until(browser, lambda: browser.execute_script(drawn)[3] == 255)
    press(browser, "s")
    until(browser, lambda: browser.execute_script(drawn)[3] == 0)


def test_second_tab_is_told_and_overwrites_nothing(browser: Any, address: str, store: Store) -> None:
    start(browser, address)
    other = store.save("anna", "", FIRST, {"calves": Judgement(1)}, None)
    assert other
    press(browser, "1")
    until(browser, lambda: browser.find_element(By.ID, "problem").is_displayed())
    assert "another tab" in browser.find_element(By.ID, "problem").text
    assert said(store).judgements == {(FIRST, "calves"): Judgement(1)}
    press(browser, "1")
    until(browser, lambda: len(said(store).judgements) == 2)
    until(browser, lambda: not browser.find_element(By.ID, "problem").is_displayed())


def test_decision_with_its_reason(browser: Any, address: str, store: Store) -> None:
    for name, value in (("anna", 1), ("ben", 0)):
        judgements = {(FIRST, "chest"): Judgement(value, f"{name} saw it"), (FIRST, "calves"): Judgement(1)}
        path = store.folder / "labels" / f"{name}.csv"
        write_annotator(path, Annotator(name, judgements, {}), list(ACTIVITIES), SLUGS)
    start(browser, address)
    browser.find_element(By.CSS_SELECTOR, "[data-view=decide]").click()
    until(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, "#differences tr")) == 1)
    row = browser.find_element(By.CSS_SELECTOR, "#differences tr")
    assert "anna saw it" in row.text and "ben saw it" in row.text
    row.find_element(By.CSS_SELECTOR, "button[value='0']").click()
    assert not (store.folder / "labels" / "decisions.csv").exists()  # a reason is missing
    row.find_element(By.TAG_NAME, "input").send_keys("holds, does not move")
    row.find_element(By.CSS_SELECTOR, "button[value='0']").click()
    saved(browser)
    decided = read_decisions(store.folder / "labels" / "decisions.csv", ACTIVITIES, SLUGS)
    assert decided.judgements == {(FIRST, "chest"): Judgement(0, "holds, does not move")}


def test_segment_is_marked_by_keys(browser: Any, address: str, store: Store) -> None:
    start(browser, address)
    browser.find_element(By.CSS_SELECTOR, "[data-view=cut]").click()
    at = "const v = document.getElementById('long'); return v.readyState >= 1 && !v.seeking && v.currentTime"
    until(browser, lambda: browser.execute_script(at) == 0)
    browser.execute_script("document.getElementById('long').currentTime = 1.6")
    until(browser, lambda: browser.execute_script(at) == 1.6)
    press(browser, "i", Keys.ARROW_RIGHT)
    until(browser, lambda: browser.execute_script(at) == 2.6)
    press(browser, "o", "a")
    press(browser, ACTIVITIES[SECOND].name, Keys.ENTER)
    saved(browser)
    with (store.folder / "segments.csv").open() as file:
        assert list(csv.reader(file))[1:] == [["long", "0.500", "1.500", FIRST], ["long", "1.600", "2.600", SECOND]]


def ask(address: str, path: str, method: str = "GET", body: Any = None, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address, timeout=5)
    connection.request(
        method, path, body and json.dumps(body), {key.replace("_", "-"): v for key, v in headers.items()}
    )
    return connection.getresponse()


def test_parts_of_a_video_are_served(address: str, small_video: Path) -> None:
    answer = ask(address, "/videos/long", Range="bytes=100-199")
    assert (answer.status, answer.read()) == (206, small_video.read_bytes()[100:200])
    assert ask(address, "/clips/..%2F..%2Ftables%2Fsegments").status in (403, 404)


def test_other_pages_are_refused(address: str, store: Store) -> None:
    assert ask(address, "/", Host="evil.example").status == 403
    body = {"revision": "", "activity": FIRST, "cells": {"chest": {"value": 1}}}
    assert ask(address, "/api/labels/anna", "POST", body, Origin="http://evil.example").status == 403
    assert store.annotators() == []
    assert ask(address, "/api/labels/anna", "POST", body, Origin=f"http://{address}").status == 200


def test_of_two_savers_at_once_one_is_refused(store: Store) -> None:
    outcomes: list[str] = []

    def saver(muscle: str) -> None:
        try:
            store.save("anna", "", FIRST, {muscle: Judgement(1)}, None)
            outcomes.append("saved")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=saver, args=(muscle,)) for muscle in SLUGS[:8]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["saved"]
    assert len(said(store).judgements) == 1


def test_a_broken_table_of_segments_is_told_before_the_page_opens(tmp_path: Path) -> None:
    (tmp_path / "sources.csv").write_text("id,url,licence,notes\n")
    (tmp_path / "segments.csv").write_text("source,begin\n")
    command = [sys.executable, "-m", "annotations", "annotate", "--tables", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1 and "segments.csv:1" in ended.stderr


def test_the_page_finds_the_tables_of_the_work_folder(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "segments.csv").write_text("source,begin\n")
    (tmp_path / "tables" / "sources.csv").write_text("id,url,licence,notes\n")
    command = [sys.executable, "-m", "annotations", "annotate", "--work", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and str(tmp_path / "tables" / "segments.csv") in ended.stderr
