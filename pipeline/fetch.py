"""Fetch: one source → one video file, with yt-dlp in a child process. What the site says is kept word for word."""

from __future__ import annotations

import functools
from collections import defaultdict
from pathlib import Path
from typing import Any

from annotations.tables import Source, Tables
from pipeline import child, media
from pipeline.config import FetchConfig, to_dict
from pipeline.errors import Failure, Reason, UserError
from pipeline.ledger import Ledger
from pipeline.records import Video, digest, file_sha256
from pipeline.run import Goal, Plan, Task

STAGE = "fetch"
VERSION = 1

LOCK = "downloads.lock"

Spans = tuple[tuple[float, float], ...]

PROTOCOLS = r"^(https?|http_dash_segments|m3u8_native)$"
"""What yt-dlp downloads by itself; for others it would start ffmpeg, past the checks of addresses and sizes."""


def plan(tables: Tables, ledger: Ledger, work: Path, config: FetchConfig) -> Plan:
    """All sources, by state. Those taken down are never asked for."""
    latest = ledger.latest(STAGE)
    spans = _spans(tables, config)
    result = Plan(STAGE)
    for source in sorted(tables.sources):
        if source in tables.takedowns:
            result.failed[source] = Failure(Reason.NOT_ALLOWED, "taken down (annotations/takedowns.csv)")
        else:
            result.sort(source, _work(source, config, spans[source]), latest.get(source), work)
    return result


def tasks(plan: Plan, tables: Tables, work: Path, config: FetchConfig) -> list[Task]:
    """One task a source that is left. Raises UserError for a cookies file that is not there."""
    check_cookies(config)
    spans = _spans(tables, config)
    return [
        Task({(STAGE, source): key}, functools.partial(_call, tables.sources[source], spans[source], work, config))
        for source, key in plan.ready.items()
    ]


def _spans(tables: Tables, config: FetchConfig) -> dict[str, Spans]:
    """What is asked for of each source, in order of time; nothing stands for the whole video."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    if config.sections:
        for segment in tables.segments:
            spans[segment.source].append((segment.start, segment.end))
    return {source: tuple(sorted(spans[source])) for source in tables.sources}


def _call(source: Source, spans: Spans, work: Path, config: FetchConfig, turn: int = 0) -> dict[Goal, Any]:
    return {(STAGE, source.id): fetch(source, work, config, turn, spans)}


def fetch(source: Source, work: Path, config: FetchConfig, turn: int = 0, spans: Spans = ()) -> Video | Failure:
    """Downloads one source to work/videos/<id>.<container> and probes it. `turn` counts earlier tries in this run;
    with `spans`, [start, end) in seconds, the file holds what they need and no more, at the video's own times.

    What has arrived stays when the failure may pass, and the next try goes on from there.
    """
    folder = work / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_partial(source.id)}{_work(source.id, config, spans)[:8]}"
    asked = request("download", source.url, config, source.id, turn, flag(work))
    asked |= {"target": str(target), "lock": str(work / LOCK), "spans": spans}
    reply = child.ask(asked, config.deadline_s)
    if isinstance(reply, Failure):
        if not reply.reason.passing:
            _forget(folder, source.id)
        return reply
    downloaded = Path(reply["path"])
    info = _check(downloaded, config)
    if isinstance(info, Failure):
        _forget(folder, source.id)
        return info
    path = downloaded.replace(folder / f"{source.id}{downloaded.suffix}")
    _forget(folder, source.id)
    for earlier in set(folder.glob(f"{source.id}.*")) - {path}:
        earlier.unlink()
    return Video(
        id=source.id,
        path=str(path.relative_to(work)),
        sha256=file_sha256(path),
        bytes=path.stat().st_size,
        width=info.width,
        height=info.height,
        fps=reply.get("fps", info.fps),  # a file of sections has holes, and so no rate of its own
        duration=info.duration,
    )


def _check(path: Path, config: FetchConfig) -> media.VideoInfo | Failure:
    missing = missing_bytes(path)
    if missing:
        return Failure(Reason.TRUNCATED, f"{path.name}: {missing} bytes are missing at the end")
    info = media.probe(path)
    if isinstance(info, media.VideoInfo) and info.duration > config.max_seconds:
        return Failure(Reason.TOO_LARGE, f"longer than max_seconds: {info.duration:g} s")
    return info


def missing_bytes(path: Path) -> int:
    """How far the last box of an MP4 file (ISO/IEC 14496-12, section 4.2) reaches beyond its end; 0 for others."""
    size = path.stat().st_size
    at = 0
    with path.open("rb") as stream:
        if stream.read(8)[4:] != b"ftyp":
            return 0
        while at < size:
            stream.seek(at)
            header = stream.read(16)
            length = int.from_bytes(header[:4])
            if length == 1:
                length = int.from_bytes(header[8:16])
            if length < 8:  # 0: the box reaches to the end of the file; others are no length
                return 0
            at += length
    return at - size


def sweep(plan: Plan, work: Path) -> None:
    """Removes what has arrived of sources that will not be asked for again."""
    for path in (work / "videos").glob(f"{_partial('*')}*"):
        if path.name.split(".")[1] not in plan.ready:
            path.unlink()


def flag(work: Path) -> Path:
    """The file that stands while the site refuses; downloaders that see it send no request."""
    return work / "site-refuses"


def request(
    do: str, url: str, config: FetchConfig, name: str = "", turn: int = 0, flag: Path | None = None
) -> dict[str, Any]:
    """A request to the downloader process: yt-dlp's options by its own names, and ours. `name` and `turn` choose
    the proxy; for `flag` see there."""
    height = config.max_height
    usable = f"[height<=?{height}][protocol~='{PROTOCOLS}']"
    first = int(digest(name), 16)
    options = {
        "format": f"bestvideo{usable}/best{usable}",
        "allowed_extractors": list(config.extractors),
        "noplaylist": True,
        "retries": config.retries,
        "fragment_retries": config.retries,
        "extractor_retries": config.retries,
        "skip_unavailable_fragments": False,
        "socket_timeout": config.timeout_s,
        "max_filesize": config.max_bytes,
        "ratelimit": config.rate_limit or None,
        "sleep_interval_requests": config.sleep_s or None,
        "sleep_interval": config.sleep_s or None,
        "max_sleep_interval": max(config.sleep_s, config.max_sleep_s) or None,
        "proxy": config.proxies[(first + turn) % len(config.proxies)] if config.proxies else None,
        "http_headers": {"User-Agent": config.user_agent} if config.user_agent else {},
        "ffmpeg_location": "/nonexistent/ffmpeg",
        "hls_prefer_native": True,
        "fixup": "never",
        "cachedir": False,
        "updatetime": False,
        "overwrites": False,
        "continuedl": True,
        "quiet": True,
        "noprogress": True,
        "no_warnings": True,
        "color": "never",
    }
    names = (
        "allow_private_hosts",
        "cookies",
        "cookies_from_browser",
        "max_bytes",
        "max_seconds",
        "retry_wait_s",
    )
    own = {key: to_dict(config)[key] for key in names} | {"flag": str(flag) if flag else ""}
    return {"do": do, "url": url, "options": options, "own": own}


def check_cookies(config: FetchConfig) -> None:
    """Raises UserError for a cookies file that is not there."""
    if config.cookies and not Path(config.cookies).is_file():
        raise UserError(f"{config.cookies}: no such cookies file (fetch.cookies)")


def _work(source: str, config: FetchConfig, spans: Spans) -> str:
    """The digest of a download, from the settings that decide what it is; the others only decide how."""
    decisive = {name: to_dict(config)[name] for name in ("max_height", "max_bytes", "max_seconds")}
    return digest(STAGE, VERSION, source, decisive, *([spans] if spans else []))


def _partial(source: str) -> str:
    """How the names of files start that hold what has arrived so far."""
    return f".{source}.fetching-"


def _forget(folder: Path, source: str) -> None:
    for path in folder.glob(f"{_partial(source)}*"):
        path.unlink()
