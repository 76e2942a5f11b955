"""A video site on loopback with faults on demand: the first part of the path says how a video behaves.

/fine/x.mp4 · /missing (404) · /limited (429) · /broken-server (503) · /truncated (stops half-way) · /page (HTML) · /empty
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STATUS = {"missing": 404, "limited": 429, "broken-server": 503}


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, video: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.video = video.read_bytes()
        self.requests: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        fault = self.path.split("/")[1]
        self.server.requests[self.path] += self.command == "GET"
        if fault in STATUS:
            self.send_error(STATUS[fault])
            return
        body = {"page": b"<html><body>Not a video</body></html>", "empty": b""}.get(fault, self.server.video)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if fault == "page" else "video/mp4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[: len(body) // 2] if fault == "truncated" else body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def serving(video: Path) -> Iterator[Site]:
    site = Site(video)
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
