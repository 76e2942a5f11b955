"""One annotator's labels for Label Studio and CVAT, and back; values and comments go over, reasons of cells do not.

Label Studio (https://labelstud.io/guide/task_format): one task an activity; whoever submits it has judged every
group that is not marked as unsure. CVAT ("CVAT for images 1.1", https://docs.cvat.ai/docs/other/xml_format): one
picture an activity, named after it; a tag for each judged group, whose attribute says whether it is active.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotations.labels import Annotator, Judgement
from annotations.rules import TableError

ACTIVE, UNSURE, COMMENT = "active", "unsure", "comment"


def label_studio_config(muscles: Sequence[str]) -> str:
    """The labelling interface to paste into a Label Studio project."""
    view = ET.Element("View")
    ET.SubElement(view, "Video", name="video", value="$video")
    for name, title in ((ACTIVE, "Active groups"), (UNSURE, "Not judged")):
        ET.SubElement(view, "Header", value=title)
        choices = ET.SubElement(view, "Choices", name=name, toName="video", choice="multiple", showInline="true")
        for muscle in muscles:
            ET.SubElement(choices, "Choice", value=muscle)
    ET.SubElement(view, "TextArea", name=COMMENT, toName="video", placeholder="comment")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode")


def to_label_studio(said: Annotator, activities: Sequence[str], muscles: Sequence[str]) -> str:
    """Tasks as JSON; the video of an activity is to be served as /data/local-files/?d=<activity>.mp4."""
    tasks = []
    for activity in activities:
        judged = {
            muscle: said.judgements[activity, muscle].value
            for muscle in muscles
            if (activity, muscle) in said.judgements
        }
        task: dict[str, Any] = {"data": {"activity": activity, "video": f"/data/local-files/?d={activity}.mp4"}}
        if judged or activity in said.comments:
            result = [
                _result(ACTIVE, "choices", [muscle for muscle, value in judged.items() if value]),
                _result(UNSURE, "choices", [muscle for muscle in muscles if muscle not in judged]),
            ]
            if activity in said.comments:
                result.append(_result(COMMENT, "textarea", [said.comments[activity]]))
            task["annotations"] = [{"result": result}]
        tasks.append(task)
    return json.dumps(tasks, indent=1, ensure_ascii=False)


def from_label_studio(path: Path, name: str, activities: Sequence[str], muscles: Sequence[str]) -> Annotator:
    """Reads an export of format JSON; the last annotation of a task that was not cancelled counts."""
    judgements: dict[tuple[str, str], Judgement] = {}
    comments: dict[str, str] = {}
    try:
        for task in json.loads(path.read_text(encoding="utf-8")):
            activity = _known(path, task["data"]["activity"], activities)
            kept = [one for one in task.get("annotations", []) if not one.get("was_cancelled")]
            if not kept:
                continue
            values = {one["from_name"]: one["value"] for one in kept[-1]["result"]}
            active, unsure = (
                {_known(path, muscle, muscles) for muscle in values.get(control, {}).get("choices", [])}
                for control in (ACTIVE, UNSURE)
            )
            for muscle in muscles:
                if muscle not in unsure:
                    judgements[activity, muscle] = Judgement(int(muscle in active))
            if COMMENT in values:
                comments[activity] = " ".join(values[COMMENT]["text"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, "Label Studio's JSON", error) from None
    return Annotator(name, judgements, comments)


def to_cvat(said: Annotator, activities: Sequence[str], muscles: Sequence[str]) -> str:
    """Annotations as XML, for a task whose pictures are named <activity>.jpg, in the order of the table."""
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    labels = ET.SubElement(ET.SubElement(ET.SubElement(root, "meta"), "task"), "labels")
    for muscle in muscles:
        label = ET.SubElement(labels, "label")
        ET.SubElement(label, "name").text = muscle
        attribute = ET.SubElement(ET.SubElement(label, "attributes"), "attribute")
        for key, text in (
            ("name", ACTIVE),
            ("mutable", "False"),
            ("input_type", "checkbox"),
            ("default_value", "true"),
            ("values", "true"),
        ):
            ET.SubElement(attribute, key).text = text
    for number, activity in enumerate(activities):
        image = ET.SubElement(root, "image", id=str(number), name=f"{activity}.jpg")
        for muscle in muscles:
            if (activity, muscle) in said.judgements:
                tag = ET.SubElement(image, "tag", label=muscle, source="manual")
                active = said.judgements[activity, muscle].value == 1
                ET.SubElement(tag, "attribute", name=ACTIVE).text = str(active).lower()
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def from_cvat(path: Path, name: str, activities: Sequence[str], muscles: Sequence[str]) -> Annotator:
    """Reads annotations.xml of an export "CVAT for images 1.1"; a group without a tag is not judged."""
    judgements: dict[tuple[str, str], Judgement] = {}
    try:
        for image in ET.parse(path).getroot().iter("image"):
            activity = _known(path, Path(image.attrib["name"]).stem, activities)
            for tag in image.iter("tag"):
                muscle = _known(path, tag.attrib["label"], muscles)
                judgements[activity, muscle] = Judgement(int(tag.findtext("attribute", "true") == "true"))
    except (ET.ParseError, KeyError, UnicodeDecodeError) as error:
        raise _unreadable(path, "CVAT's XML", error) from None
    return Annotator(name, judgements, {})


def _result(control: str, kind: str, values: list[str]) -> dict[str, Any]:
    key = "text" if kind == "textarea" else kind
    return {"from_name": control, "to_name": "video", "type": kind, "value": {key: values}}


def _known(path: Path, word: str, words: Sequence[str]) -> str:
    if word not in words:
        raise TableError(f"{path}: {word!r} is no activity or group of our tables; use the names of the export")
    return word


def _unreadable(path: Path, what: str, error: Exception) -> TableError:
    if isinstance(error, TableError):
        return error
    return TableError(f"{path}: not {what} ({type(error).__name__}: {error}); export it again in that format")
