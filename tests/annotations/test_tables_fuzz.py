"""Tables as strangers send them: they are read, or refused in one line that names the file; nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotations.tables import TableError, read_tables

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

SOURCES = b"id,url,licence,notes\nabc,https://www.youtube.com/watch?v=aaaaaaaaaaa,,\nxyz,https://x.org/v.mp4,CC0,\n"
SEGMENTS = b"source,start,end,activity\nabc,0.000,2.500,squat\nabc,3.000,4.000,plank\nxyz,1.0,9.5,v-up\n"

PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\x00", b"\xff\xfe", b'"', b"\r\n", b"\n\n", b",,,,", b"../..", b"nan", b"1e999", b"-1", b"\xef\xbb\xbf"]
    ),
    st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with up to four pieces put over it."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 10)))
        content = content[:start] + draw(PIECES) + content[end:]
    return content


def read(folder: Path) -> None:
    """Reads the tables; a refusal is one line that says which file."""
    try:
        tables = read_tables(sources_and_segments=folder)
    except TableError as error:
        words = str(error)
        assert str(folder) in words and "\n" not in words
    else:
        assert all(0 <= segment.start < segment.end < float("inf") for segment in tables.segments)
        assert all(segment.source in tables.sources for segment in tables.segments)


@FUZZ
@given(content=damaged(SEGMENTS))
def test_damaged_segments(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sources.csv").write_bytes(SOURCES)
    (tmp_path / "segments.csv").write_bytes(content)
    read(tmp_path)


@FUZZ
@given(content=damaged(SOURCES))
def test_damaged_sources(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "sources.csv").write_bytes(content)
    (tmp_path / "segments.csv").write_bytes(b"source,start,end,activity\n")
    read(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../up", "a/b", ".hidden", "a\x00b", "a\nb", "\x1b[31m", "ä" * 3, "", " ", "x" * 5000, "con\\x", "a.b"],
)
def test_names_that_could_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    line = f'"{name}",https://x.org/v.mp4,,\n'
    (tmp_path / "sources.csv").write_bytes(b"id,url,licence,notes\n" + line.encode())
    (tmp_path / "segments.csv").write_bytes(b"source,start,end,activity\n")
    with pytest.raises(TableError) as refused:
        read_tables(sources_and_segments=tmp_path)
    words = str(refused.value)
    assert "sources.csv" in words and len(words) < 400 and words.isprintable()
