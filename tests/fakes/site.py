"""A video site on loopback with faults on demand: the first part of a path says how the rest behaves.

    /<fault>/<name>.mp4             a video file; FAULTS lists what may be wrong with it
    /watch/<fault>/<id>             a page about a video, for the extractor in yt_dlp_plugins; REFUSALS or FAULTS
    /redirect/<anything>?to=URL     leads elsewhere
    /playlist/<fault>,<fault>,….rss a feed of one video each
    /search?q=WORDS&n=COUNT         what it finds for some words, for the extractor in yt_dlp_plugins

It speaks plain HTTP with ranges, also as a proxy. It refuses the next `refusals` requests with 429.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
import numpy as np

from pipeline.errors import Reason

FAULTS: dict[str, Reason | None] = {
    "fine": None,
    "flaky": None,  # the connection is reset in the middle, the first time
    "no-range": None,  # ranges are not supported: always the whole file
    "missing": Reason.REMOVED,
    "forbidden": Reason.NOT_ALLOWED,
    "limited": Reason.RATE_LIMITED,
    "limited-until": Reason.RATE_LIMITED,  # with Retry-After
    "broken-server": Reason.UNREACHABLE,
    "reset": Reason.UNREACHABLE,  # in the middle, each time
    "stall": Reason.UNREACHABLE,  # sends half and then nothing
    "drip": Reason.UNREACHABLE,  # never done in time
    "truncated": Reason.TRUNCATED,  # ends half-way, each time
    "long-header": Reason.TRUNCATED,  # the header promises more than there is
    "short-header": Reason.TRUNCATED,  # the header promises less: the client stops too early
    "empty": Reason.TRUNCATED,
    "endless": Reason.TOO_LARGE,  # never says its size
    "page": Reason.NOT_ALLOWED,  # HTML where a video should be
    "page-as-video": Reason.NO_VIDEO,  # HTML that calls itself a video
    "audio": Reason.NO_VIDEO,
}
"""What may be wrong with a file, and the true reason of the failure; None where it arrives all the same."""

REFUSALS: dict[str, tuple[Reason, str, str]] = {
    "private": (Reason.PRIVATE, "Private video", "Sign in if you've been granted access to this video"),
    "removed": (Reason.REMOVED, "Video unavailable", "This video has been removed by the uploader"),
    "terminated": (
        Reason.TERMINATED,
        "Video unavailable",
        "This video is no longer available because the YouTube account associated with this video has been terminated.",
    ),
    "geo-blocked": (
        Reason.GEO_BLOCKED,
        "Video unavailable",
        "The uploader has not made this video available in your country",
    ),
    "age-restricted": (
        Reason.AGE_RESTRICTED,
        "Sign in to confirm your age",
        "This video may be inappropriate for some users.",
    ),
    "bot-check": (
        Reason.BOT_CHECK,
        "Sign in to confirm you’re not a bot",
        "This helps protect our community. Learn more",
    ),
    "premiere": (Reason.NOT_YET, "Premieres in 6 hours", ""),
}
"""What YouTube says in place of a video: the reason, and the two parts of its words."""

STATUS = {"missing": 404, "forbidden": 403, "limited": 429, "limited-until": 429, "broken-server": 503}
RETRY_AFTER_S = 1
HTML = b"<html><head><title>Not a video</title></head><body>Not a video</body></html>"


@dataclass(frozen=True)
class Request:
    """One GET as the site saw it: when it came (monotonic), what for, and whether it was answered with 429."""

    time: float
    path: str
    headers: dict[str, str]
    refused: bool


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, video: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.video = video.read_bytes()
        self.audio = _audio()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: Counter[str] = Counter()
        self.log: list[Request] = []
        self.refusals: float = 0
        self.retry_after = ""
        self.drip_s = 0.05
        """Seconds between the blocks of a slow video."""
        self.most_at_once = 0
        """The largest number of slow videos that were on their way together."""
        self.before_answer: Callable[[str], None] = lambda path: None
        """Called with the path when a request has come in; it may wait."""
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._dripping = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""

    def note(self, path: str, headers: dict[str, str]) -> tuple[int, bool]:
        """Counts a request; gives how many came before for the same path, and if it is refused."""
        with self._lock:
            before, refused = self.requests[path], self.refusals > 0
            self.requests[path] += 1
            self.refusals -= refused
            self.log.append(Request(time.monotonic(), path, headers, refused))
        return before, refused

    def dripping(self, change: int) -> None:
        """Counts the slow videos on their way."""
        with self._lock:
            self._dripping += change
            self.most_at_once = max(self.most_at_once, self._dripping)


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        fault, *rest = address.path.strip("/").split("/")
        before, refused = self.server.note(address.path, dict(self.headers))
        self.server.before_answer(address.path)
        if refused:
            self._status(429, self.server.retry_after)
        elif fault in STATUS:
            self._status(STATUS[fault], str(RETRY_AFTER_S) if fault == "limited-until" else "")
        elif fault == "redirect":
            self.send_response(302)
            self.send_header("Location", parse_qs(address.query)["to"][0])
            self.end_headers()
        elif fault == "watch":
            self._whole("application/json", json.dumps(self._page(*rest)).encode())
        elif fault == "search":
            self._whole("application/json", json.dumps(self._results(parse_qs(address.query))).encode())
        elif fault == "playlist":
            self._whole("application/rss+xml", self._feed(rest[0]).encode())
        elif fault == "page":
            self._whole("text/html", HTML)
        else:
            self._video(fault, before)

    def _status(self, status: int, retry_after: str) -> None:
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _whole(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _page(self, fault: str, name: str) -> dict[str, str | float]:
        if fault in REFUSALS:
            _, reason, subreason = REFUSALS[fault]
            return {"reason": reason, "subreason": subreason}
        facts = {"title": f"The video {name}", "uploader": "somebody", "licence": "CC BY", "seconds": 3.0}
        return {"media": f"{self.server.url}/{fault}/{name}.mp4", **facts}

    def _results(self, query: dict[str, list[str]]) -> list[dict[str, str | float]]:
        words = query["q"][0]
        return [
            {
                "id": f"{words.replace(' ', '_')}-{n}",
                "url": f"{self.server.url}/watch/fine/{words.replace(' ', '_')}-{n}",
                "title": f"{words} {n}",
                "uploader": "somebody",
                "duration": 60.0 + n,
            }
            for n in range(int(query["n"][0]))
        ]

    def _feed(self, name: str) -> str:
        items = "".join(
            f"<item><title>{fault} one</title><guid>{fault}-0{n}</guid>"
            f"<enclosure url='{self.server.url}/{fault}/{n}.mp4'/></item>"
            for n, fault in enumerate(name.removesuffix(".rss").split(","))
        )
        return f"<?xml version='1.0'?><rss version='2.0'><channel><title>Feed</title>{items}</channel></rss>"

    def _video(self, fault: str, before: int) -> None:
        body = {"audio": self.server.audio, "empty": b"", "page-as-video": HTML}.get(fault, self.server.video)
        start, end = self._range(len(body)) if fault != "no-range" else (0, len(body))
        if start and start >= len(body):
            self._status(416, "")
            return
        part = start > 0 or end < len(body)
        self.send_response(206 if part else 200)
        self.send_header("Content-Type", "video/mp4")
        if part:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
            body = body[:end]
        if fault != "endless":
            declared = {"long-header": 2 * len(body), "short-header": len(body) // 2}.get(fault, len(body))
            self.send_header("Content-Length", str(declared - start))
        self.end_headers()
        self._send(fault, body, start, before)

    def _send(self, fault: str, body: bytes, start: int, before: int) -> None:
        half = len(body) // 2
        match fault:
            case "truncated":
                self.wfile.write(body[start:half])
            case "stall":
                self.wfile.write(body[start:half])
                self.server.closing.wait(60)
            case "reset" | "flaky" if fault == "reset" or (before < 2 and start == 0):
                self.wfile.write(body[start : max(half, start)])
                self.wfile.flush()
                # Linger for zero seconds: closing sends a reset instead of an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case "drip":
                self._drip(body, start)
            case "endless":
                with contextlib.suppress(ConnectionError):
                    while not self.server.closing.is_set():
                        self.wfile.write(bytes(65536))
            case _:
                self.wfile.write(body[start:])

    def _drip(self, body: bytes, start: int) -> None:
        block = max(1, len(body) // 100)
        last = max(start, len(body) - block)
        self.server.dripping(+1)
        try:
            for at in range(start, last, block):
                self.wfile.write(body[at : min(at + block, last)])
                self.wfile.flush()
                if self.server.closing.wait(self.server.drip_s):
                    return
        finally:
            self.server.dripping(-1)  # before the client can have it all
        self.wfile.write(body[last:])

    def _range(self, size: int) -> tuple[int, int]:
        """The first byte that is asked for, and the one after the last."""
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        return int(first or 0), min(size, int(last) + 1) if last else size

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


def _audio() -> bytes:
    """One second of silence as MP4: a file with no video stream."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for _ in range(16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
            frame.rate = 16000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@contextmanager
def serving(video: Path) -> Iterator[Site]:
    site = Site(video)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        site.shutdown()
        site.server_close()
