"""Serves videos on loopback over HTTP, with ranges, as a small video site for the demo and the tests."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

from annotations.tables import SOURCE_COLUMNS
from pipeline.files import write_table

_CHUNK = 1 << 18


@contextmanager
def serving(videos: Mapping[str, Path]) -> Iterator[str]:
    """Serves each video at <address>/<id>.<its ending> while the block runs; gives the address."""
    files = {f"/{name}{path.suffix}": path for name, path in videos.items()}

    class Handler(_Handler):
        served = files

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_sources(path: Path, videos: Mapping[str, Path], base: str, origins: Mapping[str, str] | None = None) -> None:
    """Writes sources.csv with the addresses of the videos at a server, and their origins where they have one."""
    rows = [
        (name, f"{base}/{quote(name)}{video.suffix}", "", "served by this machine", (origins or {}).get(name, ""))
        for name, video in videos.items()
    ]
    write_table(path, (*SOURCE_COLUMNS, "origin"), rows)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Mapping[str, Path]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.served.get(unquote(self.path.partition("?")[0]))
        if path is None:
            self.send_error(404)
            return
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]), size - 1) if asked and asked[2] else size - 1
        if asked and first > last:
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if body:
            self._send(path, first, last - first + 1)

    def _send(self, path: Path, first: int, left: int) -> None:
        with path.open("rb") as stream:
            stream.seek(first)
            while left > 0 and (data := stream.read(min(left, _CHUNK))):
                try:
                    self.wfile.write(data)
                except ConnectionError:
                    self.close_connection = True
                    return
                left -= len(data)

    def log_message(self, format: str, *values: object) -> None:
        """Keeps the terminal for the progress bar."""
