"""The tables of a results page, taken over into another page: known tags without attributes, all else as text."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from pathlib import Path

from pipeline.errors import UserError

KEPT = frozenset({"table", "thead", "tbody", "tfoot", "tr", "th", "td", "br", "p", "h1", "h2", "details", "summary"})
DROPPED = frozenset({"head", "script", "style", "template"})
"""Elements that go with all that is in them."""

LOWER = {"h1": "h2", "h2": "h3"}
"""Headings take their place under the page's own title."""


def fragment(path: Path) -> str:
    """HTML of the page at `path` that can stand inside another. Raises UserError if it is not there or no text."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such results page; `make evaluate` writes it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a results page ({error})") from None
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join([*reader.parts, *(f"</{LOWER.get(tag, tag)}>" for tag in reversed(reader.open))]).strip()


class _Reader(HTMLParser):
    """Collects what is kept; `open` are the kept elements that have not ended."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.open: list[str] = []
        self._inside_dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in DROPPED:
            self._inside_dropped += 1
        elif tag in KEPT and not self._inside_dropped:
            self.parts.append(f"<{LOWER.get(tag, tag)}>")
            if tag != "br":
                self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in DROPPED:
            self._inside_dropped = max(0, self._inside_dropped - 1)
        elif tag in self.open and not self._inside_dropped:
            while (last := self.open.pop()) != tag:
                self.parts.append(f"</{LOWER.get(last, last)}>")
            self.parts.append(f"</{LOWER.get(tag, tag)}>")

    def handle_data(self, data: str) -> None:
        if not self._inside_dropped:
            self.parts.append(escape(data))
