"""yt-dlp extractors for the test site: its /watch pages, which refuse in the words of YouTube's, and its search."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlencode

from yt_dlp.extractor.common import InfoExtractor, SearchInfoExtractor


class WatchPageIE(InfoExtractor):
    _VALID_URL = r"https?://127\.0\.0\.1:\d+/watch/[^/]+/(?P<id>[\w-]+)"

    def _real_extract(self, url: str) -> dict[str, Any]:
        video_id = self._match_id(url)
        page = self._download_json(url, video_id)
        if "media" not in page:
            self._refuse(page["reason"], page["subreason"])
        return {
            "id": video_id,
            "title": page["title"],
            "uploader": page["uploader"],
            "license": page["licence"],
            "duration": page["seconds"],
            "formats": [{"format_id": "18", "url": page["media"], "ext": "mp4"}],
        }

    def _refuse(self, reason: str, subreason: str) -> None:
        if subreason.startswith("The uploader has not made this video available in your country"):
            self.raise_geo_restricted(subreason, ["DE", "FR"])
        words = f"{reason}. {subreason}" if subreason else reason
        if "sign in" in words.lower():
            words = words.removesuffix("This helps protect our community. Learn more").strip().removesuffix(".")
            words += f". {self._login_hint(method='cookies')}"
        self.raise_no_formats(words, expected=True)


class WatchPageSearchIE(SearchInfoExtractor):
    """Answers `ytsearchN:words` in YouTube's place; TEST_SITE is the site's address."""

    IE_NAME = "watchpage:search"
    _SEARCH_KEY = "ytsearch"

    def _get_n_results(self, query: str, n: int) -> dict[str, Any]:
        url = f"{os.environ['TEST_SITE']}/search?{urlencode({'q': query, 'n': n})}"
        found = self._download_json(url, query)
        return self.playlist_result([entry | {"_type": "url"} for entry in found], query)
