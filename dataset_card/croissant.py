"""The version as Croissant 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec.html): JSON-LD, no dates.

A FileObject for the index, the manifest and each tar; a FileSet for the payloads of a modality; a record set over the
clips, one over their labels, and one over the payloads of each modality, joined by the clip's key.
mlcroissant 1.1 reads all of them but skeletons: it takes a tar that ends in an npz, which is a zip, for a zip.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dataset_card import paper
from dataset_card.version import Version
from pipeline.records import EXTENSION, PICTURES, file_sha256
from pipeline.release import INDEX, MANIFEST

MIME = {"mp4": "video/mp4", "npz": "application/x-npz", "json": "application/json"}
KINDS = {"i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float", "b": "sc:Boolean"}
"""NumPy's kind of a column → Croissant's data type; all others are text."""

PAYLOADS = {
    "rgb": "The frames, H.264 in mp4,",
    "rgbdiff": "The RGB difference, H.264 in mp4,",
    "flow": "The optical flow, quantised, H.264 in mp4,",
    "skeleton": "The skeletons, NumPy npz,",
    "label": "The label, JSON with activity, muscles (zeros and ones), names, splits and provenance,",
}

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification gives (appendix 1)."""


def document(version: Version) -> str:
    """The whole croissant.json."""
    manifest = version.manifest
    columns = (*version.dataset.modalities, "label")
    about = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"{manifest['name']}-{manifest['version']}",
        "description": (
            f"{manifest['clips']} clips of {len(manifest['activities'])} physical activities from "
            f"{manifest['sources']} videos, each labelled with its active ones of {len(manifest['muscles'])} muscle "
            f"groups. Modalities: {', '.join(version.modalities)}."
        ),
        "version": manifest["version"],
        "url": paper.URL,
        "license": _licence(version),
        "citeAs": paper.BIBTEX,
        "creator": [{"@type": "sc:Person", "name": name} for name in paper.AUTHORS],
        "keywords": ["muscle groups", "exercise", "video", "multi-label classification"],
        "rai:dataAnnotationProtocol": "Label provenance, with clips: "
        + ", ".join(f"{name} ({count})" for name, count in version.provenance().items()),
        "rai:dataUseCases": "Research on estimating active muscle groups from video; not medical advice.",
        "rai:dataLimitations": "One label per activity, not per clip; no measurement such as electromyography.",
        "rai:personalSensitiveInformation": "The videos show people.",
        "distribution": _distribution(version),
        "recordSet": [_clips(version), _muscles(version), *[_payloads(m) for m in columns]],
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _licence(version: Version) -> str:
    if any(m in version.manifest["modalities"] for m in PICTURES):
        return "Code and labels: https://www.apache.org/licenses/LICENSE-2.0. Videos belong to their authors: README.md"
    return "https://www.apache.org/licenses/LICENSE-2.0"


def _distribution(version: Version) -> list[dict[str, Any]]:
    index, manifest = version.manifest["index"], version.root / MANIFEST
    files = [
        _file(INDEX, index["sha256"], index["bytes"], "application/x-parquet"),
        _file(MANIFEST, file_sha256(manifest), manifest.stat().st_size, "application/json"),
    ]
    for modality in (*version.dataset.modalities, "label"):
        tars = version.manifest["modalities"][modality]["files"]
        files += [_file(tar["name"], tar["sha256"], tar["bytes"], "application/x-tar") for tar in tars]
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": f"{modality}-files",
                "description": f"{PAYLOADS[modality]} of each clip.",
                "containedIn": [{"@id": tar["name"]} for tar in tars],
                "encodingFormat": MIME[EXTENSION[modality]],
                "includes": f"*{_ending(modality)}",
            }
        )
    return files


def _file(name: str, sha256: str, count: int, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{count} B",
        "encodingFormat": kind,
        "sha256": sha256,
    }


def _clips(version: Version) -> dict[str, Any]:
    columns = {str(name): KINDS.get(column.dtype.kind, "sc:Text") for name, column in version.index.items()}
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"clips/{name}",
            "dataType": kind,
            "source": {"fileObject": {"@id": INDEX}, "extract": {"column": name}},
        }
        for name, kind in columns.items()
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": "clips",
        "description": "A clip a row: source, activity, splits, size, and where each payload lies in its tar.",
        "key": {"@id": "clips/key"},
        "field": fields,
    }


def _muscles(version: Version) -> dict[str, Any]:
    """The muscle groups in the order of a label's vector."""
    names = version.manifest["muscles"]
    fields = [("index", "sc:Integer"), ("name", "sc:Text")]
    return {
        "@type": "cr:RecordSet",
        "@id": "muscles",
        "description": "Muscle groups: the place in a label's vector, and the name.",
        "key": {"@id": "muscles/index"},
        "field": [{"@type": "cr:Field", "@id": f"muscles/{name}", "dataType": kind} for name, kind in fields],
        "data": [{"muscles/index": index, "muscles/name": name} for index, name in enumerate(names)],
    }


def _payloads(modality: str) -> dict[str, Any]:
    """Keys are file names without their ending. (They are read twice where records are joined: once bare.)"""
    files, ending = {"@id": f"{modality}-files"}, re.escape(_ending(modality))
    key = {
        "@type": "cr:Field",
        "@id": f"{modality}/key",
        "dataType": "sc:Text",
        "references": {"field": {"@id": "clips/key"}},
        "source": {
            "fileSet": files,
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": f"^(.+?)(?:{ending})?$"},
        },
    }
    content = {
        "@type": "cr:Field",
        "@id": f"{modality}/payload",
        "dataType": "sc:VideoObject" if EXTENSION[modality] == "mp4" else "sc:Text",
        "source": {"fileSet": files, "extract": {"fileProperty": "content"}},
    }
    return {
        "@type": "cr:RecordSet",
        "@id": modality,
        "description": f"{PAYLOADS[modality]} of each clip, as bytes.",
        "field": [key, content],
    }


def _ending(modality: str) -> str:
    return f".{modality}.{EXTENSION[modality]}"
