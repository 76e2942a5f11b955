"""The drawing of the body: every group is on it, inside of the outline, and none lies on another."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from annotations import bodymap
from annotations.tables import PACKAGE_DIR, read_muscles

NAMES = {muscle.slug: muscle.name for muscle in read_muscles(PACKAGE_DIR)}
SCALE = 8
"""Pixels of a unit of the drawing."""


def filled(shape: str) -> np.ndarray:
    """The right half's pixels of a shape."""
    picture = np.zeros((SCALE * bodymap.HEIGHT, SCALE * bodymap.WIDTH), np.uint8)
    cv2.fillPoly(picture, [np.round(SCALE * bodymap.corners(shape)).astype(np.int32)], 1)
    return picture.astype(bool)


def test_every_group_can_be_seen_and_no_other() -> None:
    assert {slug for side in bodymap.SIDES for slug in side.shapes} == set(NAMES)


@pytest.mark.parametrize("side", bodymap.SIDES, ids=lambda side: side.name)
def test_groups_lie_in_the_body_and_beside_each_other(side: bodymap.Side) -> None:
    body = filled(bodymap.OUTLINE)
    groups = {slug: [filled(shape) for shape in shapes] for slug, shapes in side.shapes.items()}
    for slug, shapes in groups.items():
        assert not (np.any(shapes, axis=0) & ~body).any(), f"{slug} leaves the body"
    covered = np.sum([shape for shapes in groups.values() for shape in shapes], axis=0)
    assert (covered > 1).sum() < SCALE**2, "shapes lie on each other by less than one unit in all"
    assert (covered > 0).sum() > 0.6 * body.sum()


def test_a_curve_goes_through_its_points_and_a_corner_is_one() -> None:
    round_ = bodymap.corners("0 0 10 0 10 10 0 10")
    square = bodymap.corners("0 0! 10 0! 10 10! 0 10!")
    for point in ((0, 0), (10, 0), (10, 10), (0, 10)):
        assert (np.abs(round_ - point).max(axis=1) < 1e-9).any()
    assert cv2.contourArea(square.astype(np.float32)) == pytest.approx(100)
    assert cv2.contourArea(round_.astype(np.float32)) > 110


def test_the_svg_holds_both_halves_of_each_group_under_its_name() -> None:
    for side in bodymap.SIDES:
        root = ElementTree.fromstring(bodymap.svg(side, NAMES, {"chest": 0.25}))
        groups = [one for one in root if one.attrib.get("class") == "muscle"]
        assert [one.attrib["data-muscle"] for one in groups] == list(side.shapes)
        for one in groups:
            title, *paths = one
            slug = one.attrib["data-muscle"]
            assert title.text == NAMES[slug] and len(paths) == 2 * len(side.shapes[slug])
            assert one.attrib["fill-opacity"] == ("0.250" if slug == "chest" else "0.000")
            for path in paths:
                numbers = [float(x) for x in re.findall(r"-?[\d.]+", path.attrib["d"])]
                assert min(numbers) >= 0 and max(numbers) <= bodymap.HEIGHT
