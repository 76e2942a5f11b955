"""The child process that runs yt-dlp: `python -m pipeline.downloader`.

It is started once per worker and reused, since importing yt-dlp takes longer than a small download. One JSON
object a line in, {"url", "target", "options"}; one a line out, {"path", "duration"} or {"error"} with yt-dlp's own
words.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp.utils import YoutubeDLError


class _Silent:
    """yt-dlp's log goes nowhere: what matters comes back as the error."""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


def download(url: str, target: str, options: dict[str, Any]) -> dict[str, Any]:
    """Downloads one video to `target` plus the extension of its container."""
    limits = options.pop("limits")
    settings = options | {"outtmpl": {"default": f"{target}.%(ext)s"}, "logger": _Silent()}
    try:
        with yt_dlp.YoutubeDL(settings) as downloader:
            found = downloader.extract_info(url, download=False)
            if found.get("_type", "video") != "video":
                return {"error": "not a single video: this address is a playlist or channel"}
            if (found.get("duration") or 0) > limits["seconds"]:
                return {"error": f"longer than max_seconds: {found['duration']} s"}
            result = downloader.process_ie_result(found, download=True)
    except YoutubeDLError as error:
        return {"error": str(error)}
    files = [Path(entry["filepath"]) for entry in result.get("requested_downloads", []) if "filepath" in entry]
    present = [path for path in files if path.exists()]
    if not present:
        return {"error": f"File is larger than max-filesize ({limits['bytes']} bytes)"}
    return {"path": str(present[0])}


def main() -> None:
    replies = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            print(json.dumps(download(**json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
