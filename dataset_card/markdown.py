"""Markdown out of values that may hold anything."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

UNITS = ("kB", "MB", "GB", "TB")


def escape(value: object) -> str:
    """A value as plain text on one line: nothing in it is read as Markdown, HTML or a table's border."""
    line = " ".join(str(value).split())
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; numbers stand to the right. Strings are Markdown, so escape what is not yours."""
    right = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(head))]
    lines = [head, ["--:" if numeric else "---" for numeric in right]]
    lines += [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def size(count: float) -> str:
    """Bytes in words: 1.5 MB."""
    if count < 1000:
        return f"{count:.0f} bytes"
    power = min(int(math.log10(count) / 3), len(UNITS))
    return f"{count / 1000**power:.1f} {UNITS[power - 1]}"


def duration(seconds: float) -> str:
    """Seconds in words: 4.2 s, 3.1 min, 20.5 h."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
