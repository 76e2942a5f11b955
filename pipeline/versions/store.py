"""Files of a version, here or at a URL, over fsspec (a folder, HTTP, S3, hf://)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import fsspec

from pipeline.errors import UserError
from pipeline.release import INDEX, MANIFEST, Release, parse

T = TypeVar("T")
TRIES = 6
PAUSE_S = 0.2
"""Wait before the second try; it doubles each time."""


class Store:
    """A place with files. `patiently` tries again what a bad connection breaks."""

    def __init__(self, url: str) -> None:
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url.rstrip("/"))
        except (ValueError, ImportError) as error:
            raise UserError(f"{url}: no place that can be used ({error})") from None
        self.url = url.rstrip("/")

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def below(self, name: str) -> Store:
        return Store(f"{self.url}/{name}")

    def read(self, name: str, start: int | None = None, end: int | None = None) -> bytes:
        """A file, or bytes of it. Raises UserError if it is not there or cannot be had."""
        data: bytes = self.patiently(name, lambda: self.fs.cat_file(self.path(name), start=start, end=end))
        return data

    def patiently(self, name: str, call: Callable[[], T]) -> T:
        """The result of a call. Raises UserError for a file that is missing, or after the last try."""
        for attempt in range(1, TRIES + 1):
            try:
                return call()
            except (FileNotFoundError, PermissionError) as error:
                raise UserError(f"{self.url}/{name}: not there, or not for us ({error})") from None
            except (OSError, aiohttp.ClientError) as error:
                if attempt == TRIES:
                    raise UserError(f"{self.url}/{name}: {error}; run the same command again later") from None
                time.sleep(PAUSE_S * 2 ** (attempt - 1))
        raise AssertionError

    def release(self) -> Release:
        """The version that lies here. Raises UserError."""
        return parse(Path(self.url), self.read(MANIFEST), self.read(INDEX))

    def open(self, name: str) -> Any:
        return self.fs.open(self.path(name), "rb")
