"""Fetch: one source of `sources.csv` → one video file, with yt-dlp in a child process.

What the site says is kept word for word; `classify` turns it into a reason.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from annotations.tables import Source, Tables
from pipeline import media
from pipeline.config import FetchConfig, to_dict
from pipeline.errors import Failure, Reason
from pipeline.ledger import Ledger
from pipeline.records import Video, digest, file_sha256
from pipeline.run import Goal, Plan, Task

STAGE = "fetch"
VERSION = 1

RULES: tuple[tuple[str, Reason], ...] = (
    (r"not a bot|confirm you.re not|captcha", Reason.BOT_CHECK),
    (r"HTTP Error 429|Too Many Requests|rate.?limit", Reason.RATE_LIMITED),
    (r"confirm your age|age.restricted|inappropriate for some users", Reason.AGE_RESTRICTED),
    (r"account .*terminated|channel .*terminated|account has been closed", Reason.TERMINATED),
    (r"private video|video is private|members.only", Reason.PRIVATE),
    (r"(in|from) your (country|location)|geo.?restrict|not available in your", Reason.GEO_BLOCKED),
    (r"larger than max-filesize|longer than max_seconds", Reason.TOO_LARGE),
    (r"No suitable extractor|Unsupported URL|not a single video|unknown url type", Reason.NOT_ALLOWED),
    (r"did not get any data blocks|bytes read, .* more expected|downloaded file is empty", Reason.TRUNCATED),
    (r"removed|deleted|video unavailable|no longer available|does not exist|HTTP Error 4(04|10)", Reason.REMOVED),
    (r"HTTP Error 403", Reason.NOT_ALLOWED),
    (r"HTTP Error 5\d\d|timed? ?out|connection|unreachable|name resolution|reset by peer", Reason.UNREACHABLE),
    (r"No space left", Reason.OUT_OF_DISK),
    (r"Unable to extract|No video formats|Requested format is not available", Reason.NO_VIDEO),
)
"""First match wins, case does not matter. What matches none is ours/bug: a message we have yet to learn."""


def classify(message: str) -> Reason:
    """The reason behind yt-dlp's words."""
    return next((reason for pattern, reason in RULES if re.search(pattern, message, re.IGNORECASE)), Reason.BUG)


def plan(tables: Tables, ledger: Ledger, work: Path, config: FetchConfig) -> Plan:
    """Sources that any segment names, by state. Those taken down are never asked for."""
    latest = ledger.latest(STAGE)
    result = Plan(STAGE)
    for source in sorted({segment.source for segment in tables.segments}):
        if source in tables.takedowns:
            result.failed[source] = Failure(Reason.NOT_ALLOWED, "taken down (annotations/takedowns.csv)")
        else:
            result.sort(source, digest(STAGE, VERSION, source, _content_config(config)), latest.get(source), work)
    return result


def tasks(plan: Plan, tables: Tables, work: Path, config: FetchConfig) -> list[Task]:
    """One task a source that is left."""
    return [
        Task({(STAGE, source): key}, functools.partial(_call, tables.sources[source], work, config))
        for source, key in plan.ready.items()
    ]


def _call(source: Source, work: Path, config: FetchConfig) -> dict[Goal, Any]:
    return {(STAGE, source.id): fetch(source, work, config)}


def fetch(source: Source, work: Path, config: FetchConfig) -> Video | Failure:
    """Downloads one source to work/videos/<id>.<container> and probes it."""
    if not config.allow_private_hosts and (refused := _private_host(source.url)):
        return Failure(Reason.NOT_ALLOWED, refused)
    folder = work / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f".{source.id}.fetching"
    reply = _child().ask({"url": source.url, "target": str(target), "options": _options(config)})
    if "error" in reply:
        reason = classify(reply["error"])
        if not reason.passing:
            _forget(target)
        return Failure(reason, reply["error"])
    downloaded = Path(reply["path"])
    info = media.probe(downloaded)
    if isinstance(info, Failure):
        _forget(target)
        return info
    path = downloaded.rename(folder / f"{source.id}{downloaded.suffix}")
    return Video(
        id=source.id,
        path=str(path.relative_to(work)),
        sha256=file_sha256(path),
        bytes=path.stat().st_size,
        width=info.width,
        height=info.height,
        fps=info.fps,
        duration=info.duration,
    )


def _content_config(config: FetchConfig) -> dict[str, Any]:
    """The settings that decide what a download is; the others only decide how."""
    return {name: to_dict(config)[name] for name in ("max_height", "max_bytes", "max_seconds")}


def _options(config: FetchConfig) -> dict[str, Any]:
    """yt-dlp's own option names."""
    height = config.max_height
    return {
        "format": f"bestvideo[height<=?{height}]/best[height<=?{height}]",
        "allowed_extractors": list(config.extractors),
        "noplaylist": True,
        "retries": config.retries,
        "fragment_retries": config.retries,
        "extractor_retries": config.retries,
        "socket_timeout": config.timeout_s,
        "max_filesize": config.max_bytes,
        "ratelimit": config.rate_limit or None,
        "sleep_interval_requests": config.sleep_s or None,
        "cookiefile": config.cookies or None,
        "proxy": config.proxy or None,
        "cachedir": False,
        "updatetime": False,
        "overwrites": True,
        "continuedl": True,
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "color": "never",
        "limits": {"seconds": config.max_seconds, "bytes": config.max_bytes},
    }


def _private_host(url: str) -> str:
    """Why an address may not be contacted, or nothing."""
    host = urlsplit(url).hostname or ""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return ""  # yt-dlp will say that the name does not resolve
    private = [str(address) for address in found if not ipaddress.ip_address(address).is_global]
    return f"{host} is the private address {private[0]} (fetch.allow_private_hosts is off)" if private else ""


def _forget(target: Path) -> None:
    for path in target.parent.glob(f"{target.name}.*"):
        path.unlink()


class _Child:
    """The downloader process of this worker."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.downloader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            _child.cache_clear()
            raise RuntimeError(f"the downloader process ended with code {self._process.wait()}")
        reply: dict[str, Any] = json.loads(line)
        return reply


@functools.cache
def _child() -> _Child:
    return _Child()
