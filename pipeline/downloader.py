"""The child process that runs yt-dlp: `python -m pipeline.downloader`.

One JSON object a line in, one a line out. In: {"do", "url", "options", "own"}, where `options` are yt-dlp's by its
own names and `own` holds what it has no plain option for. Out, by what was asked for:

    download   {"path"}: the file. The request also has "target", which its name starts with, "lock", a file, and
               "spans" in seconds: with some, the file holds only what they need, and "fps" comes with it
    look       {"video"}: what the page says, nothing downloaded
    list       {"entries"}: the videos of a playlist, channel or search, their pages not opened
    any        {"error", "retry_after"}: yt-dlp's own words, and the wait in seconds that the site asked for or null

It ends when its input does, in the middle of a download too, so that it does not outlive its worker.
"""

from __future__ import annotations

import contextlib
import copy
import email.utils
import fcntl
import functools
import io
import ipaddress
import json
import os
import queue
import socket
import sys
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yt_dlp
from yt_dlp.networking._urllib import UrllibRH
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.utils import YoutubeDLError, unsmuggle_url

from pipeline.remote import Limits, NotInParts, RemoteFile, backoff

RANGE_NOT_THERE = 416
TOO_MANY_REQUESTS = 429


class _Silent:
    """yt-dlp's log goes nowhere: what matters comes back as the error."""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


class _Gate(urllib.request.BaseHandler):
    """Sees each request before it goes out, those of redirects included, and each answer."""

    handler_order = 0  # before the one that puts a proxy in the host's place

    def __init__(self, private_hosts: bool, flag: str) -> None:
        self._private_hosts = private_hosts
        self._flag = Path(flag) if flag else None

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        host = urlsplit(request.full_url).hostname or ""
        if not self._private_hosts and (address := private_address(host)):
            raise RequestError(f"{host} is the private address {address} (fetch.allow_private_hosts is off)")
        if self._flag is not None and self._flag.exists():
            raise RequestError("held back: the site refused another request")
        return request

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        if self._flag is not None and response.status == TOO_MANY_REQUESTS:
            self._flag.touch()
        return response

    https_request = ftp_request = http_request
    https_response = http_response


class _GatedRH(UrllibRH):
    RH_KEY = UrllibRH.RH_KEY

    def __init__(self, *, gate: _Gate, **options: Any) -> None:
        super().__init__(**options)
        self._gate = gate

    def _create_instance(self, **options: Any) -> Any:
        opener = super()._create_instance(**options)
        opener.add_handler(self._gate)
        return opener


class _Downloader(yt_dlp.YoutubeDL):
    """yt-dlp with one way into the network, through the gate."""

    def __init__(self, options: dict[str, Any], gate: _Gate) -> None:
        self._handler = functools.partial(_GatedRH, gate=gate)
        super().__init__(options)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        return super().build_request_director([self._handler], preferences)


def private_address(host: str) -> str:
    """The first address of a host that is not a public one, or nothing; a name that does not resolve has none."""
    try:
        found = [ipaddress.ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return ""
    plain = [getattr(address, "ipv4_mapped", None) or address for address in found]
    return next((str(address) for address in plain if not address.is_global), "")


def download(downloader: _Downloader, request: dict[str, Any]) -> dict[str, Any]:
    """Downloads one video to its target plus a format, size and the extension of its container."""
    target = Path(request["target"])
    with Path(request["lock"]).open("w") as lock:
        # The process of a worker that was killed may live a moment longer, and write to the same file. Each target
        # locks a byte of its own.
        fcntl.lockf(lock, fcntl.LOCK_EX, 1, zlib.crc32(target.name.encode()))
        try:
            return _download(downloader, request)
        except YoutubeDLError as error:
            if not any(isinstance(cause, HTTPError) and cause.status == RANGE_NOT_THERE for cause in _causes(error)):
                raise
        # What is here is as long as the whole file, or longer: begin again.
        for path in target.parent.glob(f"{target.name}.*"):
            path.unlink()
        return _download(downloader, request)


def _download(downloader: _Downloader, request: dict[str, Any]) -> dict[str, Any]:
    limits = request["own"]
    # Format and size are in the name, so that a partial file is only ever continued with the same one.
    downloader.params["outtmpl"]["default"] = f"{request['target']}.%(format_id).32B.%(filesize|0)s.%(ext)s"
    found = downloader.extract_info(request["url"], download=False)
    _one_video(found)
    if (found.get("duration") or 0) > limits["max_seconds"]:
        raise YoutubeDLError(f"longer than max_seconds: {found['duration']} s")
    if request["spans"] and (parts := _download_sections(downloader, found, request)):
        return parts
    result = downloader.process_ie_result(found, download=True)
    files = [Path(entry["filepath"]) for entry in result.get("requested_downloads", []) if "filepath" in entry]
    present = [path for path in files if path.exists()]
    if not present:
        raise YoutubeDLError(f"File is larger than max-filesize ({limits['max_bytes']} bytes)")
    return {"path": str(present[0])}


def _download_sections(
    downloader: _Downloader, found: dict[str, Any], request: dict[str, Any]
) -> dict[str, Any] | None:
    """Downloads what the spans need, or nothing where the video has to be downloaded whole."""
    from pipeline import sections  # brings the codecs, which no other download needs

    chosen = downloader.process_ie_result(copy.deepcopy(found), download=False)
    if chosen.get("protocol") not in ("http", "https"):
        return None
    own, options = request["own"], downloader.params
    limits = Limits(own["max_bytes"], options["ratelimit"] or 0, options["retries"], own["retry_wait_s"])
    target = Path(request["target"])
    kept = target.with_name(f"{target.name}.{zlib.crc32(chosen['format_id'].encode()):08x}")
    path = target.with_name(f"{target.name}.sections.mp4")
    try:
        remote = RemoteFile(downloader.urlopen, chosen["url"], chosen["http_headers"], kept, limits)
        fps = sections.copy(remote, request["spans"], path)
    except NotInParts:
        path.unlink(missing_ok=True)
        return None
    return {"path": str(path), "fps": fps}


def look(downloader: _Downloader, request: dict[str, Any]) -> dict[str, Any]:
    """What a video's page says of it."""
    found = downloader.extract_info(request["url"], download=False)
    _one_video(found)
    return {"video": _facts(found)}


def listing(downloader: _Downloader, request: dict[str, Any]) -> dict[str, Any]:
    """The videos of a playlist, channel or search; a single video is a list of one."""
    return {"entries": [_facts(entry) for entry in _videos(downloader, request["url"])]}


def _videos(downloader: _Downloader, url: str) -> Iterator[dict[str, Any]]:
    """The videos behind an address. A channel lists its tabs, and a tab its videos."""
    found = downloader.extract_info(url, download=False)
    for entry in found.get("entries", [found]):
        if entry and str(entry.get("ie_key")).endswith(("Tab", "Playlist")):
            yield from downloader.extract_info(entry["url"], download=False).get("entries", [])
        elif entry:
            yield entry


def _one_video(found: dict[str, Any]) -> None:
    if found.get("_type", "video") != "video":
        raise YoutubeDLError("not a single video: this address is a playlist or channel")


def _facts(found: dict[str, Any]) -> dict[str, Any]:
    url, smuggled = unsmuggle_url(found.get("webpage_url") or found.get("url") or "", {})
    return {
        "id": found.get("id") or smuggled.get("force_videoid") or "",
        "url": url,
        "title": found.get("title") or "",
        "seconds": found.get("duration"),
        "uploader": found.get("uploader") or found.get("channel") or "",
        "licence": found.get("license") or "",
    }


DO: dict[str, Callable[[_Downloader, dict[str, Any]], dict[str, Any]]] = {
    "download": download,
    "look": look,
    "list": listing,
}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to one request."""
    try:
        return DO[request["do"]](_downloader(json.dumps([request["options"], request["own"]])), request)
    except YoutubeDLError as error:
        return {"error": str(error).replace("\r", ""), "retry_after": _retry_after(error)}


@functools.lru_cache(maxsize=8)
def _downloader(settings: str) -> _Downloader:
    """A YoutubeDL for these settings. It is kept: to make one takes longer than a small download."""
    options, own = json.loads(settings)
    wait = functools.partial(backoff, own["retry_wait_s"])
    options |= {
        "logger": _Silent(),
        "outtmpl": {},
        "retry_sleep_functions": dict.fromkeys(("http", "fragment", "file_access", "extractor"), wait),
        "progress_hooks": [functools.partial(_check_size, own["max_bytes"])],
    }
    if own["cookies"]:
        # yt-dlp writes back what it is given as a file name, and several workers would write at once.
        options["cookiefile"] = io.StringIO(Path(own["cookies"]).read_text(encoding="utf-8"))
    if own["cookies_from_browser"]:
        browser, _, profile = own["cookies_from_browser"].partition(":")
        options["cookiesfrombrowser"] = (browser, profile or None, None, None)
    return _Downloader(options, _Gate(own["allow_private_hosts"], own["flag"]))


def _check_size(limit: int, progress: dict[str, Any]) -> None:
    """Stops a file that did not say its size."""
    if progress.get("downloaded_bytes", 0) > limit:
        raise YoutubeDLError(f"File is larger than max-filesize ({limit} bytes)")


def _retry_after(error: BaseException) -> float | None:
    """Seconds of the Retry-After header of the answer behind an error, given as seconds or as a date."""
    for cause in _causes(error):
        if isinstance(cause, HTTPError) and (value := cause.response.headers.get("Retry-After")):
            if value.strip().isdecimal():
                return float(value)
            with contextlib.suppress(ValueError):
                return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    left = [error]
    while left:
        found = left.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            carried = getattr(found, "exc_info", None) or (None, None, None)
            left += [found.__context__, found.__cause__, getattr(found, "cause", None), carried[1]]


def _read(requests: queue.SimpleQueue[str]) -> None:
    """Passes lines on; ends the process with its input, whatever it is doing."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def main() -> None:
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    replies = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        while True:
            print(json.dumps(answer(json.loads(requests.get()))), file=replies, flush=True)


if __name__ == "__main__":
    main()
