"""A file on a site, read in blocks by HTTP range requests through yt-dlp, with its proxies, cookies and checks."""

from __future__ import annotations

import io
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import YoutubeDLError

BLOCK_BYTES = 2**20
"""What one request asks for."""

LONGEST_RETRY_WAIT_S = 60.0
PARTIAL_CONTENT = 206


class NotInParts(Exception):
    """This file has to be downloaded whole; the message says why."""


@dataclass(frozen=True)
class Limits:
    """How a file may be read: bytes in all, bytes per second (0: no limit), and how a failed request is made again."""

    max_bytes: int
    rate: float
    retries: int
    retry_wait_s: float


class RemoteFile(io.RawIOBase):
    """The file at `url`. Each block that has come is kept beside `kept` under its number, so that it is asked for once.

    Raises NotInParts where the site gives the file only whole, YoutubeDLError when a block does not come.
    """

    def __init__(
        self, urlopen: Callable[[Request], Any], url: str, headers: dict[str, str], kept: Path, limits: Limits
    ) -> None:
        self._urlopen = urlopen
        self._url = url
        self._headers = headers | {"Accept-Encoding": "identity"}
        self._limits = limits
        self._asked = 0
        self._at = 0
        _, self._size = self._get(0, 0)
        # Blocks of a file of another size are of another file.
        self._kept = kept.with_name(f"{kept.name}.{self._size}")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, to the end of a block; none at the end of the file."""
        if self._at >= self._size:
            return b""
        number, offset = divmod(self._at, BLOCK_BYTES)
        with self._block(number).open("rb") as block:
            block.seek(offset)
            data = block.read(size)
        self._at += len(data)
        return data

    def _block(self, number: int) -> Path:
        """The file of a block that is here, or comes now."""
        first = number * BLOCK_BYTES
        length = min(BLOCK_BYTES, self._size - first)
        path = self._kept.with_name(f"{self._kept.name}.{number:06d}")
        # A shorter one was being written when the process was killed.
        if not path.exists() or path.stat().st_size != length:
            path.write_bytes(self._paced(first, first + length - 1))
        return path

    def _paced(self, first: int, last: int) -> bytes:
        self._asked += last + 1 - first
        if self._asked > self._limits.max_bytes:
            raise YoutubeDLError(f"File is larger than max-filesize ({self._limits.max_bytes} bytes)")
        begun = time.monotonic()
        data, _ = self._get(first, last)
        if self._limits.rate:
            time.sleep(max(0.0, len(data) / self._limits.rate - (time.monotonic() - begun)))
        return data

    def _get(self, first: int, last: int) -> tuple[bytes, int]:
        """The bytes from `first` to `last`, both included, and the size of the file."""
        for n in itertools.count():
            try:
                return self._ask(first, last)
            except HTTPError as error:
                raise YoutubeDLError(f"unable to download video data: {error}") from error
            except TransportError as error:
                if n >= self._limits.retries:
                    raise YoutubeDLError(f"unable to download video data: {error}") from error
                time.sleep(backoff(self._limits.retry_wait_s, n))
        raise AssertionError

    def _ask(self, first: int, last: int) -> tuple[bytes, int]:
        request = Request(self._url, headers=self._headers | {"Range": f"bytes={first}-{last}"})
        with self._urlopen(request) as response:
            given, _, size = response.headers.get("Content-Range", "").partition("/")
            if response.status != PARTIAL_CONTENT or not given.startswith(f"bytes {first}-") or not size.isdecimal():
                raise NotInParts("the site does not give it in parts")
            data = response.read(last + 1 - first)
        if len(data) < last + 1 - first:
            raise IncompleteRead(len(data), last + 1 - first - len(data))
        return data, int(size)


def backoff(first: float, n: int) -> float:
    """Seconds before retry n, from 0: doubling, and spread so that workers do not return all at once."""
    return random.uniform(0.5, 1.0) * min(first * 2**n, LONGEST_RETRY_WAIT_S)
