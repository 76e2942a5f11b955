"""The page's server: what it answers, to this machine alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bottle

from annotations import bodymap
from annotations.agreement import OPEN, status
from annotations.labels import Annotator, Judgement
from annotations.rules import TableError
from annotations.studio.media import Media
from annotations.studio.store import DECISIONS, Conflict, Store
from annotations.tables import Activity, Muscle

STATIC = Path(__file__).parent / "static"
LOOPBACK = ("127.0.0.1", "localhost")
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def application(
    store: Store, media: Media, activities: dict[str, Activity], muscles: tuple[Muscle, ...]
) -> bottle.Bottle:
    """The web application over these tables and media."""
    app = bottle.Bottle()
    names = {muscle.slug: muscle.name for muscle in muscles}

    @app.hook("before_request")
    def only_this_machine() -> None:
        # A page elsewhere may have its name point here, or post a form here.
        host = bottle.request.get_header("Host", "")
        origin = bottle.request.get_header("Origin")
        if urlsplit(f"//{host}").hostname not in LOOPBACK or (origin and urlsplit(origin).netloc != host):
            raise bottle.HTTPResponse("open this page at http://127.0.0.1", 403)
        bottle.response.set_header("Content-Security-Policy", POLICY)
        bottle.response.set_header("Cache-Control", "no-store")

    @app.get("/")
    def page() -> bottle.HTTPResponse:
        return _static("index.html")

    @app.get("/static/<name>")
    def static(name: str) -> bottle.HTTPResponse:
        return _static(name)

    @app.get("/clips/<key>")
    def clip(key: str) -> bottle.HTTPResponse:
        return bottle.static_file(f"{key}.mp4", str(media.work.resolve() / "clips"))

    @app.get("/videos/<source>")
    def video(source: str) -> bottle.HTTPResponse:
        path = media.videos().get(source)
        return bottle.static_file(path.name, str(path.parent.resolve())) if path else bottle.HTTPResponse("", 404)

    @app.get("/api/skeleton/<key>")
    def skeleton(key: str) -> dict[str, object]:
        return media.skeleton(key) or {}

    @app.get("/api/start")
    def start() -> dict[str, object]:
        clips = media.clips(store.segments()[0])
        return {
            "muscles": [{"slug": m.slug, "name": m.name, "anatomy": m.anatomy} for m in muscles],
            "activities": [_activity(activity, clips.get(slug, [])) for slug, activity in activities.items()],
            "bodymap": "".join(bodymap.svg(side, names) for side in bodymap.SIDES),
            "annotators": store.annotators(),
            "videos": sorted(media.videos()),
        }

    @app.get("/api/labels/<name>")
    def labels(name: str) -> dict[str, object]:
        return _answer(lambda: _said(*store.read(name)))

    @app.post("/api/labels/<name>")
    def save(name: str) -> dict[str, object]:
        def saved() -> dict[str, object]:
            asked = _asked()
            cells = {muscle: _judgement(cell) for muscle, cell in asked["cells"].items()}
            return {"revision": store.save(name, asked["revision"], asked["activity"], cells, asked.get("comment"))}

        return _answer(saved)

    @app.get("/api/disagreements/<first>/<second>")
    def disagreements(first: str, second: str) -> dict[str, object]:
        def found() -> dict[str, object]:
            two = [store.read(first)[0], store.read(second)[0]]
            decisions, revision = store.read(DECISIONS)
            undecided = Annotator(DECISIONS, {}, {})
            cells = [(a, m) for a in store.activities for m in store.muscles if status((a, m), two, undecided) == OPEN]
            return {"revision": revision, "cells": [_difference(cell, two, decisions) for cell in cells]}

        return _answer(found)

    @app.get("/api/segments")
    def segments() -> dict[str, object]:
        return _answer(lambda: dict(zip(("rows", "revision"), store.segments(), strict=True)))

    @app.post("/api/segments/<source>")
    def save_segments(source: str) -> dict[str, object]:
        def saved() -> dict[str, object]:
            if source not in media.videos():
                raise TableError(f"no video {source!r}; reload the page")
            asked = _asked()
            spans = [(float(start), float(end), str(activity)) for start, end, activity in asked["spans"]]
            return {"revision": store.save_segments(asked["revision"], source, spans)}

        return _answer(saved)

    return app


def _static(name: str) -> bottle.HTTPResponse:
    answer = bottle.static_file(name, str(STATIC))
    answer.set_header("Content-Security-Policy", POLICY)
    return answer


def _answer(work: Callable[[], dict[str, object]]) -> dict[str, object]:
    """What `work` gives; a conflict is 409, a person's mistake 422, each with one line to show."""
    try:
        return work()
    except Conflict as error:
        bottle.response.status = 409
        return {"error": f"{error} was changed in another tab or program; nothing was saved"}
    except TableError as error:
        bottle.response.status = 422
        return {"error": str(error)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        bottle.response.status = 400
        return {"error": f"not a request of this page: {error!r}"}


def _asked() -> dict[str, Any]:
    asked: Any = json.loads(bottle.request.body.read())
    return dict(asked)


def _judgement(cell: Any) -> Judgement | None:
    return None if cell is None else Judgement(int(cell["value"]), str(cell.get("reason", "")).strip())


def _activity(activity: Activity, clips: list[str]) -> dict[str, object]:
    facts = [word for word in (activity.position, activity.pattern, activity.equipment, activity.side) if word]
    return {
        "slug": activity.slug,
        "name": activity.name,
        "aliases": activity.aliases,
        "facts": facts,
        "clips": clips,
    }


def _said(annotator: Annotator, revision: str) -> dict[str, object]:
    cells: dict[str, dict[str, object]] = {}
    for (activity, muscle), judgement in annotator.judgements.items():
        cells.setdefault(activity, {})[muscle] = {"value": judgement.value, "reason": judgement.reason}
    return {"revision": revision, "cells": cells, "comments": annotator.comments}


def _difference(cell: tuple[str, str], two: list[Annotator], decisions: Annotator) -> dict[str, object]:
    says = [annotator.judgements[cell] for annotator in two]
    decided = decisions.judgements.get(cell)
    return {
        "activity": cell[0],
        "muscle": cell[1],
        "says": [{"value": said.value, "reason": said.reason} for said in says],
        "decision": decided and {"value": decided.value, "reason": decided.reason},
    }
