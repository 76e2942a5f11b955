"""The loopback server, asked by the standard library's client."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline.sample.server import serving


@pytest.fixture
def site(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(bytes(range(200)))
    with serving({"one": tmp_path / "a.mp4"}) as base:
        yield base


def ask(address: str, **headers: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=5) as answer:
        return answer.status, answer.read()


def test_whole_files_and_parts_of_them(site: str) -> None:
    whole = bytes(range(200))
    assert ask(f"{site}/one.mp4") == (200, whole)
    assert ask(f"{site}/one.mp4", Range="bytes=50-59") == (206, whole[50:60])
    assert ask(f"{site}/one.mp4", Range="bytes=190-") == (206, whole[190:])


def test_nothing_else_is_served(site: str) -> None:
    for path in ("/", "/a.mp4", "/../a.mp4", "/one.mp4/"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(site + path)
    with pytest.raises(urllib.error.HTTPError, match="416"):
        ask(f"{site}/one.mp4", Range="bytes=300-")
