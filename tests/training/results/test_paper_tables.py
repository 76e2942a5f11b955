"""The paper's tables in our numbers: predictions made by hand, scikit-learn's numbers, files read by other means."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from fixtures_predictions import EQUIPMENT, PROTOCOL, baselines, origin, save, truth
from fixtures_shards import ACTIVITIES, toy_clips, write_dataset
from rich.console import Console
from sklearn.metrics import average_precision_score

from pipeline.reader import Dataset
from training import checkpoint, predict
from training.cli import app
from training.config import load
from training.results import paper_tables, paper_writing
from training.results.metrics import REPLICATES
from training.results.paper_tables import Line, Sheet, Tables

PAPER_CSV = Path(paper_tables.__file__).parents[1] / "reproduce" / "paper_tables.csv"


@pytest.fixture
def toy(tmp_path: Path) -> Dataset:
    return Dataset(write_dataset(tmp_path / "0.0.1", toy_clips()), ())


def noisy(toy: Dataset, seed: int, noise: float = 2.0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {s: truth(toy, s) + noise * draw.random(truth(toy, s).shape) for s in predict.SCORED}


def made(toy: Dataset, runs: Path) -> Tables:
    return paper_tables.make(runs, toy, PROTOCOL, EQUIPMENT, Console(quiet=True))


def line(found: Tables, sheet: str, name: str) -> Line:
    (result,) = [row for row in named(found, sheet).lines if row.name == name]
    return result


def named(found: Tables, sheet: str) -> Sheet:
    (result,) = [one for one in (*found.sheets, *found.analyses) if one.name == sheet]
    return result


def written(toy: Dataset, tmp_path: Path) -> Path:
    paper_writing.write(made(toy, tmp_path / "runs"), tmp_path / "tables", Console(quiet=True))
    return tmp_path / "tables"


def expected(toy: Dataset, found: Mapping[str, np.ndarray], split: str) -> float:
    """By scikit-learn, on the groups that occur."""
    labels, scores = truth(toy, split), np.float32(found[split])
    occurs = labels.any(axis=0)
    return float(average_precision_score(labels[:, occurs], scores[:, occurs], average="macro"))


def test_a_cell_is_the_mean_over_seeds(toy: Dataset, tmp_path: Path) -> None:
    seeds = [noisy(toy, 1), noisy(toy, 2)]
    for number, found in enumerate(seeds):
        save(toy, tmp_path / "runs", f"hdgcn-seed{number}", found)
    row = line(made(toy, tmp_path / "runs"), "table-2", "HD-GCN")
    one = {split: float(np.mean([expected(toy, found, split) for found in seeds])) for split in predict.SCORED}
    assert row.seeds == 2
    assert row.cells["known val"].value == pytest.approx(one["known-val"])
    assert row.cells["new test"].value == pytest.approx(one["new-test"])
    assert row.cells["mean test"].value == pytest.approx((one["known-test"] + one["new-test"]) / 2)
    assert row.paper["known val"] == 93.4 and row.parameters == (None, 0.8)


def test_the_interval_is_that_of_the_mean_over_seeds(toy: Dataset, tmp_path: Path) -> None:
    """Both videos hold the same activities, so no draw changes a seed's number, nor their mean."""
    right = {split: truth(toy, split) for split in predict.SCORED}
    save(toy, tmp_path / "runs", "hdgcn-seed0", right)
    save(toy, tmp_path / "runs", "hdgcn-seed1", {split: 1 - values for split, values in right.items()})
    cell = line(made(toy, tmp_path / "runs"), "table-2", "HD-GCN").cells["known test"]
    # Each group is active in one of three clips; where those come last, the only threshold lets all in: 1 / 3.
    assert cell.value == pytest.approx((1 + 1 / 3) / 2)
    assert len(cell.replicates) == REPLICATES and cell.interval is not None
    assert cell.interval.low == pytest.approx(cell.value) and cell.interval.high == pytest.approx(cell.value)


def test_rows_are_the_papers_in_its_order(toy: Dataset, tmp_path: Path) -> None:
    found = made(toy, tmp_path / "runs")
    for number in range(2, 7):
        with PAPER_CSV.open(encoding="utf-8") as file:
            printed = [row["row"] for row in csv.DictReader(file) if row["table"] == str(number)]
        assert [row.name for row in named(found, f"table-{number}").lines] == printed


def test_a_missing_run_is_an_empty_cell_beside_the_papers_number(toy: Dataset, tmp_path: Path) -> None:
    save(toy, tmp_path / "runs", "stgcn", noisy(toy, 1))
    (tmp_path / "runs" / "i3d-seed0").mkdir()
    out = written(toy, tmp_path)
    rows = list(csv.DictReader((out / "tables.csv").open()))
    (gone,) = [r for r in rows if (r["table"], r["row"], r["column"]) == ("table-2", "I3D (R50)", "new val")]
    assert (gone["mAP"], gone["low"], gone["high"], gone["p"], gone["seeds"]) == ("", "", "", "", "0")
    assert gone["paper"] == "0.594"
    (there,) = [r for r in rows if (r["table"], r["row"], r["column"]) == ("table-2", "ST-GCN", "new val")]
    assert float(there["mAP"]) == pytest.approx(expected(toy, noisy(toy, 1), "new-val"))
    assert there["predictions"] == "stgcn/predictions.parquet"
    assert {r["mAP"] for r in rows if r["row"] not in ("ST-GCN",) and r["column"] != "ST-GCN"} == {""}
    tex = (out / "tables.tex").read_text()
    assert re.search(r"^I3D \(R50\) & +& +& +& +& +& +& +\\\\$", tex, re.MULTILINE)


def test_p_is_against_transm3e_and_its_own_row_has_none(toy: Dataset, tmp_path: Path) -> None:
    runs, right = tmp_path / "runs", {split: truth(toy, split) for split in predict.SCORED}
    save(toy, runs, "transm3e-seed0", right)
    save(toy, runs, "hdgcn-seed0", {split: 1 - values for split, values in right.items()})
    save(toy, runs, "stgcn-seed0", right)
    found = made(toy, runs)
    assert line(found, "table-2", "HD-GCN").p == pytest.approx(2 / (REPLICATES + 1)), "worse in every draw"
    assert line(found, "table-2", "ST-GCN").p == 1, "equal in every draw"
    assert line(found, "table-2", "TransM³E").p is None and line(found, "table-5", "MCTF").p is None
    assert line(found, "table-2", "C2D (R50)").p is None


def test_missing_modalities(toy: Dataset, tmp_path: Path) -> None:
    runs, right = tmp_path / "runs", {split: truth(toy, split) for split in predict.SCORED}
    save(toy, runs, "transm3e-seed0", right)
    flat = {split: np.ones_like(values) for split, values in right.items()}
    save(toy, runs, "transm3e-seed0", flat, file="predictions-without-rgb.parquet", run="transm3e-seed0 without rgb")
    found = made(toy, runs)
    both, no_video, no_skeleton = named(found, "missing-modality").lines
    assert both.cells["known test"].value == 1
    # wave, kick and bow are a third of the clips each, and no group is of two of them
    assert no_video.cells["known test"].value == pytest.approx(1 / 3)
    assert no_video.name == "without video" and no_video.p == pytest.approx(2 / (REPLICATES + 1))
    assert no_skeleton.name == "without skeletons" and no_skeleton.cells == {}
    assert line(found, "table-2", "TransM³E").cells["known test"].value == 1, "the whole ones alone"


def test_groups_and_equipment_by_hand(toy: Dataset, tmp_path: Path) -> None:
    """On known test a flat prediction has a group's prevalence; each activity alone has all of its groups active."""
    flat = {split: np.ones_like(truth(toy, split)) for split in predict.SCORED}
    save(toy, tmp_path / "runs", "hdgcn-seed0", flat)
    found = made(toy, tmp_path / "runs")
    muscles = {row.name: row.cells for row in named(found, "muscles-known-test").lines}
    assert len(muscles) == 20
    assert muscles["muscle-2 (2)"]["HD-GCN"].value == pytest.approx(1 / 3)
    assert muscles["muscle-0 (0)"] == {}
    assert named(found, "muscles-known-test").columns[:3] == ("Random", "All Ones", "ST-GCN")
    new = {row.name: row.cells for row in named(found, "muscles-new-test").lines}
    assert new["muscle-13 (4)"]["HD-GCN"].value == 1, "star and march both have it"
    equipment = {row.name: row.cells["HD-GCN"].value for row in named(found, "equipment-known-test").lines}
    assert all(row.seeds == 0 for row in named(found, "muscles-known-test").lines)
    assert equipment == pytest.approx(
        {"body weight (4)": 0.5, "equipment (2)": 1, "dumbbell (2)": 1, "none (2)": 1, "support (2)": 1}
    )


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if tag == "a" and name == "href"]


def test_links_of_the_page_lead_to_the_runs(toy: Dataset, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    config = "seed = 1\n"
    (runs / "hdgcn-seed1").mkdir(parents=True)
    (runs / "hdgcn-seed1" / checkpoint.CONFIG).write_text(config)
    digest = load(runs / "hdgcn-seed1" / checkpoint.CONFIG).digest()
    save(toy, runs, "hdgcn-seed1", noisy(toy, 1), config=digest, views="5 x 1")
    baselines(toy, runs)
    out = written(toy, tmp_path)
    page = (out / "tables.html").read_text()
    links = Links()
    links.feed(page)
    assert {f"../runs/hdgcn-seed1/{name}" for name in ("config.toml", "predictions.parquet")} < set(links.found)
    assert "../runs/random/predictions.parquet" in links.found
    assert all((out / unquote(link)).is_file() for link in links.found)
    assert page.count("<svg") == 1 and "src=" not in page and "<script" not in page


def test_latex_tables_are_whole(toy: Dataset, tmp_path: Path) -> None:
    for seed in (0, 1):
        save(toy, tmp_path / "runs", f"transm3e-seed{seed}", noisy(toy, seed))
    tex = (written(toy, tmp_path) / "tables.tex").read_text()
    bodies = re.findall(r"\\begin\{tabular\}\{(l r*|lr*)\}\n(.*?)\\end\{tabular\}", tex, re.DOTALL)
    assert len(bodies) == len(re.findall(r"\\begin\{table\}", tex)) == 5 + 1 + 4 + 1
    for columns, body in bodies:
        assert re.findall(r"\\(\w+rule)", body) == ["toprule", "midrule", "bottomrule"]
        lines = [row for row in body.splitlines() if row.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in lines} == {len(columns)}
    models = bodies[0][1].split(r"\midrule")[1]
    assert models.count(r"\textcolor{gray}{paper}") == 16, "each row of Table 2 has the paper's numbers below it"
    assert models.count("2 seeds") == 1 and models.count(r"TransM$^3$E &") == 1
    assert not re.search(r"(?<!\\)[%_#]", re.sub(r"(?m)^%.*$", "", tex).replace("tab:", "")), "escaped"
    assert tex.count("{") == tex.count("}")
    assert all(line.startswith("%") for line in tex.splitlines() if "another dataset" in line)


def test_what_is_of_something_else_is_left_out_and_said(toy: Dataset, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    save(toy, runs, "hdgcn-seed0", noisy(toy, 1), manifest="another", dataset="0.0.0")
    save(toy, runs, "stgcn-seed0", noisy(toy, 1))
    (runs / "stgcn-seed0" / checkpoint.CONFIG).write_text("seed = 5\n")
    config = runs / "c2d-seed0" / checkpoint.CONFIG
    config.parent.mkdir()
    config.write_text("[data]\nviews = 2\n")
    save(toy, runs, "c2d-seed0", noisy(toy, 1), config=load(config).digest(), views="5 x 1")
    save(toy, runs, "mine", noisy(toy, 1))
    found = made(toy, runs)
    left_out = sorted(note.split(",")[0].removeprefix("Left out: ") for note in found.notes)
    assert left_out == ["c2d-seed0", "hdgcn-seed0", "stgcn-seed0"]
    assert not any(row.cells for sheet in found.sheets for row in sheet.lines)
    text = (written(toy, tmp_path) / "tables.txt").read_text()
    assert "Left out: hdgcn-seed0" in text and "another dataset" in text


def test_parameters_are_those_counted_in_training(toy: Dataset, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    save(toy, runs, "transm3e-seed0", noisy(toy, 1))
    (runs / "transm3e-seed0" / checkpoint.RUN).write_text(json.dumps({"finished": True, "parameters": 55_400_000}))
    assert line(made(toy, runs), "table-2", "TransM³E").parameters == (55.4, 55.4)


def test_figure_2_counts_clips_and_activities(toy: Dataset, tmp_path: Path) -> None:
    """Ten videos show wave, kick and bow; star and march are in the four that are not trained on."""
    counts = made(toy, tmp_path / "runs").figure
    clips = {
        i: sum(4 if name in ("star", "march") else 10 for name, on in ACTIVITIES.items() if i in on) for i in range(20)
    }
    assert counts.clips == [clips[i] for i in range(20)]
    assert counts.activities == [sum(i in on for on in ACTIVITIES.values()) for i in range(20)]
    out = written(toy, tmp_path)
    svg = ElementTree.fromstring((out / "figure2.svg").read_text())
    drawn = "".join(svg.itertext())
    assert "muscle 13" in drawn and "activities" in drawn
    assert (out / "figure2.png").read_bytes().startswith(b"\x89PNG")
    assert written(toy, tmp_path).joinpath("figure2.svg").read_text() == (out / "figure2.svg").read_text()
    assert re.search(r"muscle-13 & 18 & 3 ", (out / "tables.tex").read_text())


def test_the_command_needs_no_model_and_fits_a_terminal(
    toy: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "build", None)
    for seed in (0, 1):
        save(toy, tmp_path / "runs", f"transm3e-seed{seed}", noisy(toy, seed))
    where = ["--dataset", str(toy.root), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "tables")]
    app(["tables", *where], standalone_mode=False)
    shown = capsys.readouterr().out
    assert max(map(len, shown.partition("written to")[0].splitlines())) <= 80 and "…" not in shown
    number = line(made(toy, tmp_path / "runs"), "table-2", "TransM³E").cells["mean test"].value
    assert f"{number * 100:.1f}" in shown and "(81.0)" in shown and "All Ones" in shown
    assert origin(toy, "x").protocol in shown
