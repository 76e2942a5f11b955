"""Who exercises where: a person, clothes and a room drawn from a random generator."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pipeline.sample.body import Build
from pipeline.sample.outfit import BOTTOMS, PATTERNS, TOPS, Colour, Outfit
from pipeline.sample.room import FLOORS, Decor, Room

T = TypeVar("T")

_DAILY = 0.03
"""How far the hue of clothes, of which the circle is 1, differs from one day to another."""

_SKINS: tuple[Colour, ...] = (
    (0.93, 0.76, 0.66),
    (0.87, 0.67, 0.54),
    (0.78, 0.57, 0.43),
    (0.65, 0.45, 0.33),
    (0.50, 0.34, 0.25),
    (0.38, 0.26, 0.20),
)
_HAIRS: tuple[Colour, ...] = (
    (0.08, 0.06, 0.06),
    (0.20, 0.12, 0.08),
    (0.38, 0.24, 0.14),
    (0.70, 0.54, 0.32),
    (0.50, 0.48, 0.47),
)


@dataclass(frozen=True)
class Setting:
    """Who exercises where; the person faces `facing` degrees, and the camera multiplies light by `exposure` (RGB)."""

    build: Build
    outfit: Outfit
    room: Room
    facing: float
    exposure: Colour = (1.0, 1.0, 1.0)


def draw_setting(random: np.random.Generator) -> Setting:
    """Some person in some room."""
    return Setting(draw_build(random), draw_outfit(random), draw_room(random), random.uniform(0, 360))


def another_day(random: np.random.Generator, setting: Setting) -> Setting:
    """The same person and room: clothes of the same style and about the same colours, other light and exposure."""
    outfit, room = setting.outfit, setting.room
    stops = random.uniform(-0.8, 0.5)
    return Setting(
        build=replace(setting.build, girth=setting.build.girth * random.uniform(0.97, 1.03)),
        outfit=replace(
            outfit,
            top_colour=_shifted(random, outfit.top_colour),
            accent=_shifted(random, outfit.accent),
            bottom_colour=_shifted(random, outfit.bottom_colour),
        ),
        room=replace(
            room,
            light_azimuth=room.light_azimuth + random.uniform(-40, 40),
            light_elevation=random.uniform(40, 75),
        ),
        facing=setting.facing + random.uniform(-30, 30),
        exposure=_gains(2**stops * random.uniform(0.92, 1.08, 3)),
    )


def draw_build(random: np.random.Generator) -> Build:
    """An adult between 1.55 and 1.92 m, slim to sturdy."""
    return Build(
        height=random.uniform(1.55, 1.92),
        girth=random.uniform(0.92, 1.15),
        shoulders=random.uniform(0.95, 1.08),
        hips=random.uniform(0.94, 1.10),
        bun=bool(random.random() < 0.4),
    )


def draw_outfit(random: np.random.Generator) -> Outfit:
    """Sportswear whose top and bottom differ in hue and in brightness."""
    hue = random.random()
    top_is_bright = random.random() < 0.6
    bright, dark = random.uniform(0.70, 0.92), random.uniform(0.16, 0.34)
    return Outfit(
        skin=_pick(random, _SKINS),
        hair=_pick(random, _HAIRS),
        top=_pick(random, TOPS),
        top_colour=_colour(hue, random.uniform(0.35, 0.8), bright if top_is_bright else dark),
        pattern=_pick(random, PATTERNS),
        accent=_colour(hue + random.uniform(0.3, 0.7), random.uniform(0.1, 0.7), dark if top_is_bright else bright),
        bottom=_pick(random, BOTTOMS),
        bottom_colour=_colour(hue + random.uniform(0.25, 0.75), random.uniform(0.1, 0.6), dark + 0.05),
        shoes=_colour(random.random(), random.uniform(0.0, 0.8), random.uniform(0.4, 0.95)),
    )


def draw_room(random: np.random.Generator) -> Room:
    """A living room, a studio or a yard: pale walls, a floor, some things out of focus."""
    hue = random.random()
    half = random.uniform(2.6, 4.2)
    return Room(
        half=half,
        height=random.uniform(2.5, 3.4),
        wall_low=_colour(hue, random.uniform(0.05, 0.45), random.uniform(0.45, 0.8)),
        wall_high=_colour(hue + random.uniform(-0.1, 0.1), random.uniform(0.02, 0.2), random.uniform(0.75, 0.95)),
        wall_break=random.uniform(0.3, 1.6),
        ceiling=_colour(hue, 0.03, random.uniform(0.85, 0.97)),
        floor=_colour(random.uniform(0.05, 0.14), random.uniform(0.1, 0.5), random.uniform(0.4, 0.75)),
        floor_pattern=_pick(random, FLOORS),
        mat=_colour(random.random(), random.uniform(0.2, 0.7), random.uniform(0.3, 0.7)),
        decor=tuple(_draw_decor(random, half) for _ in range(random.integers(6, 14))),
        light_azimuth=random.uniform(-70, 70),
        light_elevation=random.uniform(45, 75),
    )


def _draw_decor(random: np.random.Generator, half: float) -> Decor:
    return Decor(
        wall=int(random.integers(4)),
        across=random.uniform(-0.85, 0.85) * half,
        up=random.uniform(0.3, 2.2),
        half_width=random.uniform(0.1, 0.7),
        half_height=random.uniform(0.1, 0.6),
        colour=_colour(random.random(), random.uniform(0.05, 0.6), random.uniform(0.2, 0.9)),
        softness=random.uniform(0.05, 0.2),
    )


def _shifted(random: np.random.Generator, colour: Colour) -> Colour:
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    return _colour(hue + random.uniform(-_DAILY, _DAILY), saturation * random.uniform(0.9, 1), value)


def _gains(values: np.ndarray) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _colour(hue: float, saturation: float, value: float) -> Colour:
    return colorsys.hsv_to_rgb(hue % 1, saturation, value)


def _pick(random: np.random.Generator, choices: tuple[T, ...]) -> T:
    return choices[int(random.integers(len(choices)))]
