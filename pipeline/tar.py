"""Writing tars: plain headers with fixed fields, so that equal members give equal bytes, hashed on the way."""

from __future__ import annotations

import hashlib
import tarfile
from typing import BinaryIO

BLOCK = tarfile.BLOCKSIZE
END = b"\0" * (2 * BLOCK)


class TarWriter:
    """Appends members to a stream; after `close`, `sha256` and `bytes` are those of the whole tar."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.bytes = 0

    def add(self, name: str, data: bytes) -> int:
        """Appends one file; returns where its data begins. Raises OSError."""
        self._write(header(name, len(data)))
        offset = self.bytes
        self._write(data)
        if rest := -len(data) % BLOCK:
            self._write(b"\0" * rest)
        return offset

    def close(self) -> None:
        """Writes the end of the tar; the stream stays open."""
        self._write(END)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._hash.update(data)
        self.bytes += len(data)


def header(name: str, size: int) -> bytes:
    """The header of a file that anybody may read, of no date and no owner; long names take several blocks."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def padded(size: int) -> int:
    """Bytes that a file of this size takes in a tar, with its header."""
    return BLOCK + size + -size % BLOCK
