"""From probabilities to the table: saved predictions made by hand."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures_predictions import EQUIPMENT, PROTOCOL, baselines, origin, save, truth
from fixtures_shards import ACTIVITIES, toy_clips, write_dataset
from rich.console import Console

from pipeline.errors import UserError
from pipeline.reader import Dataset
from training import checkpoint, predict
from training.results import tables


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    return Dataset(write_dataset(tmp_path / "0.0.1", toy_clips()), ())


def made(dataset: Dataset, runs: Path) -> tables.Results:
    return tables.results(runs, checkpoint.dataset_identity(dataset)["manifest"], PROTOCOL, EQUIPMENT)


def test_cells_by_hand(toy: Dataset, tmp_path: Path) -> None:
    """Right on known, All Ones on new: 1 and the prevalence; the mean lies between, in the csv too."""
    runs = tmp_path / "runs"
    found = {s: truth(toy, s) if s.startswith("known") else np.ones_like(truth(toy, s)) for s in predict.SCORED}
    save(toy, runs, "half", found)
    (row,) = made(toy, runs).rows
    # New activities: star has 2 3 13 17, march 9 13, one clip each in two videos.
    new = (0.5 * 4 + 1) / 5  # muscles 2, 3, 9, 17 in half of the clips, 13 in all
    assert {name: cell.value for name, cell in row.cells.items()} == pytest.approx(
        {
            "known val": 1,
            "new val": new,
            "mean val": (1 + new) / 2,
            "known test": 1,
            "new test": new,
            "mean test": (1 + new) / 2,
        }
    )
    assert row.labels["new test"][13] == 1 and row.labels["new test"][9] == 0.5
    assert math.isnan(row.labels["new test"][0])
    lines = list(csv.DictReader(tables.as_csv(made(toy, runs)).splitlines()))
    assert float(lines[1]["mAP"]) == pytest.approx(new)
    assert lines[2]["column"] == "mean val" and lines[2]["clips"] == "10" and lines[2]["videos"] == "2"


def test_all_ones_scores_its_prevalence_and_random_is_always_the_same(toy: Dataset, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    baselines(toy, runs)
    random, ones = made(toy, runs).rows
    assert (random.name, ones.name) == ("Random", "All Ones") and not random.trained and not ones.trained
    assert ones.cells["known val"].value == pytest.approx(1 / 3)
    baselines(toy, runs)
    assert made(toy, runs).rows[0].cells == random.cells


def test_the_sentence_follows_the_numbers(toy: Dataset, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    baselines(toy, runs)
    save(toy, runs, "right", {split: truth(toy, split) for split in predict.SCORED})
    save(toy, runs, "wrong", {split: 1 - truth(toy, split) for split in predict.SCORED})
    right, wrong = tables.verdicts(made(toy, runs))
    assert right.startswith("right beats Random and All Ones on the known splits")
    assert "known val: 100.0 against" in right and "All Ones 33.3" in right
    assert wrong.startswith("wrong does not beat")


@pytest.mark.parametrize("short", ["known-val", "known-test"])
def test_one_known_split_short_of_a_baseline_is_no_win(toy: Dataset, tmp_path: Path, short: str) -> None:
    runs = tmp_path / "runs"
    baselines(toy, runs)
    found = {split: truth(toy, split) for split in predict.SCORED}
    save(toy, runs, "half", found | {short: np.ones_like(found[short])})
    assert tables.verdicts(made(toy, runs))[0].startswith("half does not beat")


def test_one_baseline_that_is_not_beaten_is_no_win(toy: Dataset, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    baselines(toy, runs)
    right = {split: truth(toy, split) for split in predict.SCORED}
    lucky = {"run": "Random", "model": predict.BASELINE}
    predict.write(runs / "random" / predict.PREDICTIONS, toy, right, replace(origin(toy, "Random"), **lucky))
    save(toy, runs, "as good", right)
    assert tables.verdicts(made(toy, runs))[0].startswith("as good does not beat")


def test_a_split_without_clips_is_an_empty_cell_and_said(tmp_path: Path) -> None:
    clips = [clip for clip in toy_clips() if clip.split != "new-test"]
    dataset = Dataset(write_dataset(tmp_path / "0.0.1", clips), ())
    runs = tmp_path / "runs"
    baselines(dataset, runs)
    found = made(dataset, runs)
    assert set(found.rows[0].cells) == set(tables.COLUMNS) - {"new test", "mean test"}
    assert found.notes == ["Empty, for want of clips: new test, mean test."]
    assert "<td></td>" in tables.as_html(found)


def test_without_baselines_nothing_is_claimed(toy: Dataset, tmp_path: Path) -> None:
    save(toy, tmp_path / "runs", "alone", {split: truth(toy, split) for split in predict.SCORED})
    (sentence,) = tables.verdicts(made(toy, tmp_path / "runs"))
    assert "cannot be compared" in sentence


def test_predictions_on_another_dataset_are_left_out_and_said(toy: Dataset, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    found = {split: truth(toy, split) for split in predict.SCORED}
    save(toy, runs, "old", found, manifest="another", dataset="0.0.0")
    save(toy, runs, "new", found)
    results = made(toy, runs)
    assert [row.name for row in results.rows] == ["new"]
    assert results.notes[0] == "Left out: old, on dataset 0.0.0, protocol video-disjoint."


def test_intervals_come_with_the_number_and_only_where_there_are_videos(toy: Dataset, tmp_path: Path) -> None:
    clips = [clip for clip in toy_clips() if clip.source != "s7"]
    dataset = Dataset(write_dataset(tmp_path / "one" / "0.0.1", clips), ())
    baselines(dataset, tmp_path / "runs")
    cells = made(dataset, tmp_path / "runs").rows[0].cells
    assert cells["known val"].interval is None, "s6 is the only video of val"
    interval = cells["known test"].interval
    assert interval is not None and interval.low <= cells["known test"].value <= interval.high
    assert cells["known test"].range.count("–") == 1 and cells["known val"].range == ""


def test_files_and_terminal_say_the_same(toy: Dataset, tmp_path: Path) -> None:
    runs, out = tmp_path / "runs", tmp_path / "tables"
    baselines(toy, runs)
    save(toy, runs, "<b>[bold]", {split: truth(toy, split) for split in predict.SCORED}, model="x")
    found = made(toy, runs)
    console = Console(width=160, record=True, quiet=False, file=(tmp_path / "screen").open("w"))
    tables.write(found, out, console)
    text, page = (out / "results.txt").read_text(), (out / "results.html").read_text()
    assert text == console.export_text()
    for row in found.rows:
        for cell in row.cells.values():
            assert cell.number in text and cell.number in page
            assert cell.range in text and cell.range in page
    assert "<b>" not in page and "<b>[bold]" in text
    labels = list(csv.DictReader((out / "labels.csv").open()))
    occurring = {i for split in ACTIVITIES.values() for i in split}
    assert {line["muscle"] for line in labels} == {f"muscle-{i}" for i in occurring}


def test_a_file_that_holds_no_predictions_is_named(tmp_path: Path, toy: Dataset) -> None:
    path = tmp_path / "runs" / "x" / predict.PREDICTIONS
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR?")
    with pytest.raises(UserError, match="predictions\\.parquet: not saved predictions"):
        made(toy, tmp_path / "runs")


def test_details_by_hand(toy: Dataset, tmp_path: Path) -> None:
    """A run that is right, and one that says 0.25 to everything, beside each other in the files."""
    runs, out = tmp_path / "runs", tmp_path / "tables"
    right = {split: truth(toy, split) for split in predict.SCORED}
    save(toy, runs, "right", right)
    save(toy, runs, "flat", {split: np.full_like(values, 0.25) for split, values in right.items()})
    tables.write(made(toy, runs), out, Console(quiet=True))

    def lines(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((out / name).open()))

    (pair,) = [line for line in lines("comparisons.csv") if line["column"] == "known test"]
    assert (pair["best"], pair["other"]) == ("right", "flat")
    assert float(pair["difference"]) == pytest.approx(1 - 1 / 3, abs=1e-4)
    assert float(pair["p"]) == pytest.approx(2 / 1001, abs=1e-4), "better in each of 1000 draws"

    flat = {
        line["equipment"]: (float(line["mAP"]), line["clips"])
        for line in lines("equipment.csv")
        if line["run"] == "flat" and line["split"] == "known-test"
    }
    # Two videos, in each one clip an activity. Alone, an activity's muscles are active in all of its clips.
    assert flat == {
        "body weight": (0.5, "4"),
        "equipment": (1, "2"),
        "none": (1, "2"),
        "support": (1, "2"),
        "dumbbell": (1, "2"),
    }
    assert not [line for line in lines("equipment.csv") if line["equipment"] == ""]

    bins = [line for line in lines("calibration.csv") if line["split"] == "known-test"]
    assert [line["calibration error"] for line in bins if line["run"] == "right"] == ["0.0000"] * 2
    (only,) = [line for line in bins if line["run"] == "flat"]
    assert only["share active"] == "0.1000", "two of twenty groups in each clip"
    assert only["calibration error"] == "0.1500" and only["predictions"] == "120"
    page = (out / "results.html").read_text()
    assert "paired bootstrap" in page and "Reliability" in page and "mAP by equipment" in page
