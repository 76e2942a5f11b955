"""What goes to which worker: a clip's modalities together, but flow by itself where it has GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import extract
from pipeline.config import Config
from pipeline.records import Attempt, Clip, as_dict
from pipeline.run import Plan

FRAMES = {"short": 10, "long": 90}


@pytest.fixture
def cut() -> Plan:
    plan = Plan("cut")
    for key, frames in FRAMES.items():
        clip = Clip(key, key, 0, 1, f"clips/{key}.mp4", "0" * 64, frames, 64, 48, 10.0)
        plan.done[key] = Attempt("cut", key, "w", "", "", as_dict(clip), 0.0, 0.0)
    return plan


def left(*modalities: str) -> list[Plan]:
    plans = [Plan(modality) for modality in modalities]
    for plan in plans:
        plan.ready = {key: f"{plan.stage} of {key}" for key in FRAMES}
    return plans


def test_without_a_gpu_each_clip_is_decoded_once(cut: Plan, tmp_path: Path) -> None:
    tasks = extract.tasks(left("rgb", "flow"), cut, tmp_path, Config(), flow_on_gpu=False)
    assert [(task.resource, sorted(task.works)) for task in tasks] == [
        ("CPU", [("flow", "long"), ("rgb", "long")]),
        ("CPU", [("flow", "short"), ("rgb", "short")]),
    ]


def test_with_gpus_flow_goes_there_and_the_rest_does_not(cut: Plan, tmp_path: Path) -> None:
    tasks = extract.tasks(left("rgb", "flow", "skeleton"), cut, tmp_path, Config(), flow_on_gpu=True)
    found = {(task.resource, *sorted(task.works)): task.works for task in tasks}
    assert set(found) == {
        (resource, *((modality, key) for modality in modalities))
        for key in FRAMES
        for resource, modalities in (("CPU", ("rgb", "skeleton")), ("GPU", ("flow",)))
    }
    assert found["GPU", ("flow", "long")] == {("flow", "long"): "flow of long"}


@pytest.mark.parametrize("flow_on_gpu", [False, True])
def test_flow_alone_is_counted_in_pairs_of_frames(cut: Plan, tmp_path: Path, flow_on_gpu: bool) -> None:
    tasks = extract.tasks(left("flow"), cut, tmp_path, Config(), flow_on_gpu)
    assert [task.length for task in tasks] == [89, 9] and extract.unit(["flow"]) == "pairs"
    tasks = extract.tasks(left("flow", "rgb"), cut, tmp_path, Config(), flow_on_gpu)
    assert sum(task.length for task in tasks) == 4 and extract.unit(["flow", "rgb"]) == "payloads"
