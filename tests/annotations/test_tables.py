"""Which tables are accepted, and that each broken rule is refused with file, line, value and remedy."""

import csv
import io
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.tables import PACKAGE_DIR, Segment, Source, TableError, closest, read_tables

GOOD = {
    "sources.csv": "id,url,licence,notes\nabc,https://example.org/abc.mp4,CC BY,\n-X_9,http://example.org/x,,two\n",
    "segments.csv": "source,start,end,activity\nabc,0,4.5,squat\nabc,4.5,9,hollow-hold\n-X_9,1,2,squat\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the annotations with two sources and three segments, to be broken."""
    for file in PACKAGE_DIR.rglob("*.csv"):
        copy = tmp_path / file.relative_to(PACKAGE_DIR)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(file, copy)
    for name, text in GOOD.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def refusal(folder: Path) -> str:
    with pytest.raises(TableError) as error:
        read_tables(folder)
    assert isinstance(error.value, ValueError)
    return str(error.value)


def test_good_tables_are_read_as_written(folder: Path) -> None:
    tables = read_tables(folder)
    assert tables.sources == {
        "abc": Source("abc", "https://example.org/abc.mp4", "CC BY", ""),
        "-X_9": Source("-X_9", "http://example.org/x", "", "two"),
    }
    assert tables.segments == (
        Segment("abc", 0.0, 4.5, "squat"),
        Segment("abc", 4.5, 9.0, "hollow-hold"),
        Segment("-X_9", 1.0, 2.0, "squat"),
    )
    assert tables.activities["hollow-hold"].new
    assert not tables.activities["squat"].new
    assert "press-up" in tables.activities["push-up"].aliases


def test_sources_and_segments_can_come_from_another_folder(tmp_path: Path) -> None:
    for name, text in GOOD.items():
        (tmp_path / name).write_text(text, "utf-8")
    tables = read_tables(sources_and_segments=tmp_path)
    assert set(tables.sources) == {"abc", "-X_9"}
    assert len(tables.activities) == 135


def test_windows_line_ends_a_byte_order_mark_spaces_and_column_order_are_accepted(folder: Path) -> None:
    expected = read_tables(folder)
    (folder / "segments.csv").write_bytes(
        b"\xef\xbb\xbfactivity,start,end,source\r\n squat , 0,4.5,abc\r\n\r\n"
        b"hollow-hold,4.50,9.,abc\r\nsquat,1,2,-X_9\r\n"
    )
    assert read_tables(folder) == expected


def test_segments_may_stand_in_any_order(folder: Path) -> None:
    (folder / "segments.csv").write_text("source,start,end,activity\nabc,5,9,squat\nabc,0,5,squat\n", "utf-8")
    assert [segment.start for segment in read_tables(folder).segments] == [5.0, 0.0]


def test_takedowns_are_read_and_may_name_sources_that_are_gone(folder: Path) -> None:
    (folder / "takedowns.csv").write_text("id,date,reason\nabc,2025-03-01,asked by the owner\nold,2024-12-31,x\n")
    assert read_tables(folder).takedowns == {"abc", "old"}


def test_an_activity_without_label_may_stay_while_nothing_uses_it(folder: Path) -> None:
    with (folder / "activities.csv").open("a", encoding="utf-8") as stream:
        stream.write("moon-walk,moon walk,,none,standing,gait,alternating,known\n")
    tables = read_tables(folder)
    assert "moon-walk" in tables.activities
    assert "moon-walk" not in tables.labels


@pytest.mark.parametrize(
    ("row", "line", "words"),
    [
        ("abc,10,11,squatt", 5, ["unknown activity 'squatt'", "did you mean 'squat'", "activities.csv"]),
        ("abc,10,11,Jumping Jack", 5, ["unknown activity 'Jumping Jack'", "did you mean 'jumping-jack'"]),
        ("abc,10,11,zzzzz", 5, ["unknown activity 'zzzzz'; add it to activities.csv"]),
        ("abd,10,11,squat", 5, ["unknown source 'abd'", "did you mean 'abc'", "sources.csv"]),
        ("abc,11,10,squat", 5, ["end '10' is not after start '11'"]),
        ("abc,11,11,squat", 5, ["end '11' is not after start '11'"]),
        ("abc,11,11.0004,squat", 5, ["end '11.0004' is not after start '11'", "millisecond"]),
        ("abc,-1,11,squat", 5, ["start '-1' is no time", "12.5"]),
        ("abc,10,x,squat", 5, ["end 'x' is no time"]),
        ("abc,10,nan,squat", 5, ["end 'nan' is no time"]),
        ("abc,10,inf,squat", 5, ["end 'inf' is no time"]),
        ("abc,10,1e400,squat", 5, ["end '1e400' is no time"]),
        ("abc,10,1_1,squat", 5, ["end '1_1' is no time"]),
        ("abc,10,1:30,squat", 5, ["end '1:30' is no time"]),
        ("abc,10,,squat", 5, ["end '' is no time"]),
        ("abc,10,٤٥,squat", 5, ["is no time"]),
        ("abc,10,990000,squat", 5, ["end '990000' is over a day", "milliseconds"]),
        ("abc,8.9,12,squat", 5, ["8.9 to 12 of 'abc' overlaps 4.5 to 9 in line 3"]),
        ("abc,1,2,squat", 5, ["1 to 2 of 'abc' overlaps 0 to 4.5 in line 2"]),
        ("abc,0,4.5,squat", 5, ["overlaps 0 to 4.5 in line 2"]),
        ("abc,10,11", 5, ["3 cell(s) where the header has 4"]),
        ("abc,10,11,squat,", 5, ["5 cell(s) where the header has 4", "quotes"]),
        ('\n\n"abc,10,11,squat\n', 7, ["unexpected end of data", "quotes"]),
    ],
)
def test_a_broken_segment_is_refused(folder: Path, row: str, line: int, words: list[str]) -> None:
    path = folder / "segments.csv"
    path.write_text(GOOD["segments.csv"] + row + "\n", "utf-8")
    message = refusal(folder)
    assert message.startswith(f"{path}:{line}: ")
    assert "; " in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_overlap_is_reported_at_the_later_segment_wherever_it_stands(folder: Path) -> None:
    path = folder / "segments.csv"
    path.write_text("source,start,end,activity\nabc,5,9,squat\nabc,0,5.5,squat\n", "utf-8")
    assert refusal(folder).startswith(f"{path}:2: segment 5 to 9 of 'abc' overlaps 0 to 5.5 in line 3; ")


def test_a_segment_of_an_activity_without_label_is_refused(folder: Path) -> None:
    labels = folder / "labels" / "draft.csv"
    kept = [line for line in labels.read_text("utf-8").splitlines() if not line.startswith("hollow-hold,")]
    labels.write_text("\n".join(kept) + "\n", "utf-8")
    message = refusal(folder)
    assert message.startswith(f"{folder / 'segments.csv'}:3: activity 'hollow-hold' has no label; ")
    assert "make labels" in message


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("abc,https://example.org/other,,", ["id 'abc' again, first in line 2"]),
        ("new,https://example.org/abc.mp4,,", ["url 'https://example.org/abc.mp4' again, first in line 2"]),
        ("a.b,https://example.org/1,,", ["id 'a.b' is no file name", "A-Z"]),
        ("../x,https://example.org/1,,", ["id '../x' is no file name"]),
        ("é,https://example.org/1,,", ["id 'é' is no file name"]),
        (",https://example.org/1,,", ["id '' is no file name"]),
        (f"{'a' * 65},https://example.org/1,,", ["is no file name", "1 to 64"]),
        ("new,ftp://example.org/1,,", ["url 'ftp://example.org/1' is no web address", "https://"]),
        ("new,file:///etc/passwd,,", ["is no web address"]),
        ("new,https://,,", ["is no web address"]),
        ("new,http://[::1,,", ["is no web address"]),
        ("new,https://example.org/a b,,", ["is no web address"]),
        ("new,example.org/1,,", ["is no web address"]),
        ("new,,,", ["url '' is no web address"]),
    ],
)
def test_a_broken_source_is_refused(folder: Path, row: str, words: list[str]) -> None:
    path = folder / "sources.csv"
    path.write_text(GOOD["sources.csv"] + row + "\n", "utf-8")
    message = refusal(folder)
    assert message.startswith(f"{path}:4: ")
    for word in words:
        assert word in message


def test_an_id_of_64_characters_is_accepted(folder: Path) -> None:
    name = "aZ0_-" * 12 + "wxyz"
    (folder / "sources.csv").write_text(GOOD["sources.csv"] + f"{name},https://example.org/1,,\n", "utf-8")
    assert name in read_tables(folder).sources


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "words"),
    [
        ("muscles.csv", "7,latissimus,", "8,latissimus,", 9, ["index '8' where 7 comes next"]),
        ("muscles.csv", ",wrists,", ",chest,", 21, ["slug 'chest' again, first in line 3"]),
        ("muscles.csv", "1,chest,chest,", "1,chest,,", 3, ["no name"]),
        ("activities.csv", "\nsquat,", "\nhollow-hold,", 23, ["slug 'hollow-hold' again, first in line 2"]),
        ("activities.csv", "\nsquat,", "\nThe Squat,", 23, ["'The Squat' is not kebab-case"]),
        ("activities.csv", "\nsquat,squat,", "\nsquat,push-up,", 24, ["'push-up' belongs to 'squat' too"]),
        ("activities.csv", "air squat", "Press-Up", 24, ["'press-up' belongs to 'squat' too"]),
        ("activities.csv", "|air squat", "||air squat", 23, ["empty alias", "one|another"]),
        (
            "activities.csv",
            "|squats,none,",
            "|squats,nothing,",
            23,
            ["unknown equipment 'nothing'", "barbell"],
        ),
        (
            "activities.csv",
            ",none,supine,",
            ",none,suppine,",
            2,
            ["position 'suppine'", "did you mean 'supine'"],
        ),
        ("activities.csv", ",brace,both,new", ",bracing,both,new", 2, ["pattern 'bracing'", "'brace'"]),
        (
            "activities.csv",
            ",brace,both,new",
            ",brace,left,new",
            2,
            ["side 'left'", "both, alternating, one"],
        ),
        ("activities.csv", ",brace,both,new", ",brace,both,old", 2, ["set 'old'", "known, new"]),
        ("labels/draft.csv", "hollow-hold,", "hollow-holt,", 2, ["activity 'hollow-holt'", "'hollow-hold'"]),
        ("labels/draft.csv", "hollow-hold,neck-and-head", "hollow-hold,quads", 2, ["unknown muscle 'quads'"]),
        (
            "labels/draft.csv",
            "hollow-hold,neck-and-head",
            "hollow-hold,obliques",
            10,
            ["'obliques' again", "line 2"],
        ),
        ("labels/draft.csv", ",1,single", ",2,single", 2, ["unknown value '2'", "0, 1"]),
        ("labels/draft.csv", ",1,single", ",1,guess", 2, ["unknown status 'guess'", "agreed, decided"]),
        ("labels/draft.csv", "hollow-hold,chest,0,single\n", "", 1, ["'hollow-hold' has no row for 'chest'"]),
        ("takedowns.csv", "reason\n", "reason\nabc,soon,x\n", 2, ["date 'soon' is no date", "2025-01-31"]),
        ("takedowns.csv", "reason\n", "reason\nabc,2025-01-01,\n", 2, ["no reason"]),
        ("takedowns.csv", "reason\n", "reason\na/b,2025-01-01,x\n", 2, ["id 'a/b' is no file name"]),
        ("sources.csv", "id,url", "id,link", 1, ["unknown column 'link'", "id,url,licence,notes"]),
        ("sources.csv", "id,url,licence,notes", "id,url,notes", 1, ["no column 'licence'"]),
        ("sources.csv", "id,url", "id,id", 1, ["column 'id' twice"]),
    ],
)
def test_a_broken_table_is_refused(folder: Path, file: str, old: str, new: str, line: int, words: list[str]) -> None:
    replace(folder / file, old, new)
    message = refusal(folder)
    assert message.startswith(f"{folder / file}:{line}: ")
    for word in words:
        assert word in message


def test_a_muscle_group_that_is_left_out_is_refused(folder: Path) -> None:
    path = folder / "muscles.csv"
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:-1]) + "\n", "utf-8")
    assert "19 muscle groups; list all 20" in refusal(folder)


@pytest.mark.parametrize(
    "file",
    ["muscles.csv", "activities.csv", "labels/draft.csv", "sources.csv", "segments.csv", "takedowns.csv"],
)
def test_a_missing_an_empty_and_a_misencoded_file_are_refused(folder: Path, file: str) -> None:
    path = folder / file
    good = path.read_bytes()
    path.write_bytes(good + b"\n\xe9t\xe9,1,2\n")
    line = good.count(b"\n") + 2
    assert refusal(folder).startswith(f"{path}:{line}: byte 0xe9 is not UTF-8; ")
    path.write_bytes(b"")
    assert refusal(folder).startswith(f"{path}:1: the file is empty; give it the header ")
    path.unlink()
    message = refusal(folder)
    assert message.startswith(f"{path}:1: ")
    assert "No such file" in message


def test_lines_are_counted_through_quoted_line_ends(folder: Path) -> None:
    text = GOOD["sources.csv"] + 'n1,https://example.org/1,,"two\nlines"\nn 2,https://example.org/2,,\n'
    (folder / "sources.csv").write_text(text, "utf-8")
    assert refusal(folder).startswith(f"{folder / 'sources.csv'}:6: id 'n 2' ")


@pytest.mark.parametrize(
    ("name", "match"),
    [("jumping-jacks", "jumping-jack"), ("PUSH-UP", "push-up"), ("lunges", "lunge"), ("qqqq", "")],
)
def test_closest_finds_the_name_that_was_meant(name: str, match: str) -> None:
    assert closest(name, ["lunge", "push-up", "jumping-jack", "squat"]) == match


IDS = st.text("abcXYZ019_-", min_size=1, max_size=64)
NOTES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip)
MILLISECONDS = st.lists(st.integers(0, 3_600_000), min_size=2, max_size=12, unique=True).map(sorted)


@given(
    sources=st.dictionaries(IDS, st.tuples(NOTES, MILLISECONDS), min_size=1, max_size=5),
    bom=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    sources: dict[str, tuple[str, list[int]]],
    bom: bool,
    line_end: str,
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    rows = [[name, f"https://example.org/{n}", "", notes] for n, (name, (notes, _)) in enumerate(sources.items())]
    spans = [
        [name, start / 1000, end / 1000, "squat"]
        for name, (_, times) in sources.items()
        for start, end in pairwise(times)
    ]
    for file, table in (("sources.csv", rows), ("segments.csv", spans)):
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator=line_end)
        writer.writerow(GOOD[file].splitlines()[0].split(","))
        writer.writerows(table)
        (folder / file).write_bytes(stream.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    tables = read_tables(sources_and_segments=folder)
    assert [[s.id, s.url, s.licence, s.notes] for s in tables.sources.values()] == rows
    assert [[s.source, s.start, s.end, s.activity] for s in tables.segments] == spans
