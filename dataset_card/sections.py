"""The text of the card, a function a section. Every number in it comes from the version."""

from __future__ import annotations

from typing import Any

from annotations.agreement import compare
from annotations.derive import DERIVATIONS
from annotations.labels import annotator_path, read_annotator
from annotations.splits import PROTOCOLS, UNUSED
from annotations.tables import PACKAGE_DIR, read_tables
from dataset_card import paper, snippets
from dataset_card.markdown import duration, escape, size, table
from dataset_card.version import Version
from pipeline.pose.models import Model, read_lock
from pipeline.records import EXTENSION, PICTURES

WORDS = {"rgb": "RGB", "rgbdiff": "RGB difference", "flow": "optical flow", "skeleton": "skeleton", "label": "labels"}

SOLVERS = {
    "tvl1": "TV-L1, as the paper's",
    "opencv": "TV-L1 of opencv-contrib",
    "denseflow": "TV-L1 by DenseFlow, as the paper's",
    "dis": "DIS, a fast preview in place of the paper's TV-L1",
    "farneback": "Farnebäck, in place of the paper's TV-L1",
}

BRANCHES = {
    "gone": "the source cannot be had any more",
    "blocked": "the site refused the download",
    "broken": "the file is there and is no usable video",
    "rejected": "usable, and not wanted by the configuration",
    "ours": "an error on our side",
}
"""First part of a reason → what it says of the clips."""

UNAVAILABLE = ("gone", "blocked")
"""Those in which the source could not be had."""

SPLIT_WORDS = {
    "train": "known activities, to train on",
    "known-val": "known activities, to choose models by",
    "known-test": "known activities, to report",
    "new-val": "new activities, to choose models by",
    "new-test": "new activities, to report",
    UNUSED: "new activities in a video that is trained on: in no split",
}


def _prose(text: str) -> str:
    """Paragraphs, each on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


DRAFT = _prose(
    """
    **The labels are a draft.** They were derived twice from written facts: from an exercise database
    ([free-exercise-db](https://github.com/yuhonas/free-exercise-db), Unlicense) and from the joint actions of each
    exercise after anatomy textbooks. Nobody with training in sports or medicine has checked them, and no clip was
    watched for them. Where the two differ a group is *open* and has the value of the second; the provenance of a label
    says how many groups are open. The paper had two senior researchers agree on each activity (section 3.2). Results on
    this version cannot be compared with the paper's. Agreement and each cell's reasons are in `annotations/labels/` of
    the code.
    """
)

USES = _prose(
    """
    Made for research on estimating active muscle groups from video. It is **not medical advice**, and not fit for
    diagnosis, for planning training or rehabilitation, or for judging a person. Do not use it to identify anybody.
    """
)


def summary(version: Version) -> str:
    """What the dataset is, in one paragraph."""
    manifest = version.manifest
    return _prose(
        f"""
        Short videos of people exercising. The task is multi-label: which of {len(manifest["muscles"])} muscle groups
        are active. Version {escape(manifest["version"])} holds {manifest["clips"]:,} clips
        ({duration(float(version.seconds.sum()))}) of {len(manifest["activities"]):,} activities from
        {manifest["sources"]:,} source videos, as {", ".join(WORDS[m] for m in version.modalities)}.

        It follows the MuscleMap dataset of {_authors()}, [*{paper.TITLE}*]({paper.URL}), ACM MM {paper.YEAR}, and is
        not that dataset: the paper's video ids and labels are not public (it reports 15,004 clips of 135 activities).
        """
    )


def labels(version: Version) -> str:
    """Where the labels come from, and how often each group is active."""
    count = len(version.labels)
    active = version.muscle_counts(PROTOCOLS[0]).sum(axis=1)
    shares = [f"{100 * n / max(count, 1):.1f} %" for n in active]
    groups = version.muscle_activities().items()
    rows = [
        [i, escape(name), int(active[name]), share, activities]
        for i, ((name, activities), share) in enumerate(zip(groups, shares, strict=True))
    ]
    origins = [[escape(name), n] for name, n in version.provenance().items()]
    return "\n\n".join(
        [
            "## Labels",
            *([DRAFT, _agreement()] if any(name.startswith("draft") for name in version.provenance()) else []),
            "A clip has the label of its activity: a vector of zeros and ones in the order of this table.",
            table(["provenance", "clips"], origins),
            table(["index", "muscle group", "active clips", "share", "activities"], rows),
            "![Clips and activities of each muscle group, by split](figures/muscles.png)",
        ]
    )


def _agreement() -> str:
    """How far the two derivations of the draft agree, over all activities that both judged."""
    tables = read_tables()
    activities, muscles = list(tables.activities), [muscle.slug for muscle in tables.muscles]
    first, second = (
        read_annotator(annotator_path(PACKAGE_DIR / "labels", name), activities, muscles) for name in DERIVATIONS
    )
    pair = compare(first, second, [(activity, muscle) for activity in activities for muscle in muscles])
    kappa = "undefined" if pair.kappa is None else f"{pair.kappa:.2f}"
    return (
        f"Agreement of the two derivations when this card was written: {pair.alike:,} of {pair.cells:,} cells alike, "
        f"Cohen's kappa {kappa}."
    )


def splits(version: Version, leaks: dict[str, Any] | None) -> str:
    """Both protocols side by side, and what a check for leakage found, if there was one."""
    held = version.manifest["splits"]
    rows = [[f"`{s}`", SPLIT_WORDS[s], *[held[p].get(s, 0) for p in PROTOCOLS]] for s in (*SPLIT_WORDS,)]
    text = _prose(
        f"""
        Two protocols divide the clips, from a hash with seed {version.manifest["config"]["splits"]["seed"]}.
        `video-disjoint` (recommended) puts no source video on two of the sides train, validation and test. `paper`
        draws clip by clip, as section 3.3 of the paper can be read: clips of one video may be in train and in test.
        Both keep the new activities out of training. Tars do not follow splits; a clip's splits are in its label and in
        `index.parquet` (`split_video_disjoint`, `split_paper`).
        """
    )
    parts = ["## Splits", text, table(["split", "holds", *[f"`{p}`" for p in PROTOCOLS]], rows)]
    return "\n\n".join([*parts, *([_leakage(leaks)] if leaks else [])])


def _leakage(leaks: dict[str, Any]) -> str:
    """What was on two of the sides train, validation and test when the version was checked."""
    rows = [
        [f"`{protocol}`", len(entry["sources"]), entry.get("pairs", "not checked")]
        for protocol, entry in leaks["protocols"].items()
    ]
    compared = (
        f"Frames of {leaks['compared']:,} of {leaks['clips']:,} clips were compared by perceptual hash (the others "
        f"have hardly any contrast); a pair, at most {leaks['near']} of 64 bits apart, is a suspicion to look into: "
        "`leaks.json` lists the nearest."
        if "compared" in leaks
        else "No pictures were here to compare."
    )
    columns = ["protocol", "source videos on two sides", "pairs of clips with nearly the same frame on two sides"]
    return f"### Leakage\n\n{table(columns, rows)}\n\n{compared}"


def composition(version: Version) -> str:
    """Activities, lengths, and what did not come through."""
    new = set(version.index.loc[version.index["new"], "activity"])
    activities = [[escape(a), n, "new" if a in new else "known"] for a, n in version.manifest["activities"].items()]
    seconds = version.seconds
    parts = [
        "## Clips",
        f"A clip has no sound and lasts {seconds.min():.1f} to {seconds.max():.1f} s, in the median "
        f"{seconds.median():.1f} s.",
        "![Clips of each activity](figures/activities.png)",
        "![Length of the clips](figures/lengths.png)",
        _sources(version),
        "![Clips of each source video, and what became of the listed segments](figures/sources.png)",
        f"<details><summary>Clips of each activity</summary>\n\n{table(['activity', 'clips', 'set'], activities)}\n\n"
        "</details>",
        "### Left out",
    ]
    failures = version.manifest["failures"]
    if not failures:
        return "\n\n".join([*parts, "Every segment became a clip."])
    rows = [[f"`{escape(reason)}`", n, _meaning(reason)] for reason, n in failures.items()]
    return "\n\n".join(
        [*parts, "Segments that did not become clips, by reason:", table(["reason", "segments", "meaning"], rows)]
    )


def _sources(version: Version) -> str:
    """How the clips spread over the source videos, and how much of what is listed could be had."""
    clips = version.index["source"].value_counts()
    outcomes = version.availability()
    listed = sum(outcomes.values())
    had = listed - sum(outcomes.get(branch, 0) for branch in UNAVAILABLE)
    return (
        f"A source video gives {clips.min()} to {clips.max()} clips, in the median {clips.median():g}. Of {listed:,} "
        f"listed segments {had:,} ({100 * had / listed:.1f} %) were available when this version was made, and "
        f"{outcomes['clip']:,} became clips."
    )


def changes(version: Version) -> list[str]:
    """What changed since the parent version, clips by kind; nothing for a first version."""
    made = version.manifest.get("changes")
    if not made:
        return []
    rows = [[kind, made[kind]] for kind in ("added", "relabelled", "resplit")]
    rows += [[f"removed: `{escape(reason)}`", count] for reason, count in made["removed"].items()]
    rows += [[f"extracted again: {WORDS[modality]}", count] for modality, count in made["re-extracted"].items()]
    return ["\n\n".join([f"## Changes since {escape(version.manifest['parent'])}", table(["clips", "number"], rows)])]


def modalities(version: Version) -> str:
    """One row a modality: container, how it was made, files and size."""
    rows = []
    for modality in version.modalities:
        here = "" if modality in (*version.dataset.modalities, "label") else " (not in this copy)"
        files = f"`{snippets.pattern(version.tars(modality))}`{here}"
        rows.append([WORDS[modality], _made(modality, version.manifest), files, size(version.bytes(modality))])
    text = _prose(
        """
        One column of tars per modality, with the same keys in the same order in tars of equal number: copy only the
        columns that you need. Beside each payload lies `<modality>.json` with its frames, width, height and rate.
        `index.parquet` has a row a clip, with the place of every payload; `manifest.json` has the SHA-256 of every
        file and the configuration.
        """
    )
    return f"## Modalities\n\n{text}\n\n{table(['modality', 'container and making', 'files', 'size'], rows)}"


def _made(modality: str, manifest: dict[str, Any]) -> str:
    config, detail = manifest["config"], manifest["modalities"][modality].get("detail", {})
    match modality:
        case "rgb":
            cut = config["cut"]
            return (
                f"H.264 in mp4, shorter side at most {cut['short_side']} pixels, CRF {cut['crf']}, "
                f"key frame every {cut['gop']} frames"
            )
        case "rgbdiff":
            made = config["rgbdiff"]
            return (
                "H.264 in mp4: absolute difference to the frame before, the first one black; "
                f"CRF {made['crf']}, key frame every {made['gop']} frames"
            )
        case "flow":
            solver, bound = str(detail.get("backend", "")), detail.get("bound")
            spread = f"bound {bound:g} pixels per frame" if bound else "bound in each clip's `flow.json`"
            return (
                f"lossless grey H.264 in mp4: x above y, level = round(255 (v + bound) / (2 bound)), {spread}; one "
                f"field fewer than frames; by {_named(solver, SOLVERS)}"
            )
        case "skeleton":
            return (
                f"NumPy npz: `joints` [T, V, 3] (x, y in pixels, score), `boxes`, `found`, `interpolated`; layout "
                f"{escape(detail.get('layout', 'in each clip'))}; by {_estimator(detail)}"
            )
        case _:
            return "JSON: activity, muscle vector and names, splits, provenance, source, start and end"


def _named(backend: str, names: dict[str, str]) -> str:
    if not backend:
        return "the solver named in each clip's `flow.json`"
    return f"{names[backend]} (`{backend}`)" if backend in names else f"`{escape(backend)}`"


def _estimator(detail: dict[str, Any]) -> str:
    backend = str(detail.get("backend", ""))
    if not backend:
        return "the estimator named in each clip's `skeleton.json`"
    model = _model(str(detail.get("weights", "")))
    return f"{model.title} (`{escape(backend)}`)" if model else f"`{escape(backend)}`"


def _model(sha256: str) -> Model | None:
    return next((model for model in read_lock().values() if model.sha256 == sha256), None)


def reading(version: Version) -> str:
    """Examples that run in the version's folder."""
    parts = ["## Reading", _python(snippets.with_webdataset(version)), _python(snippets.with_datasets(version))]
    videos = [m for m in version.dataset.modalities if EXTENSION[m] == "mp4"]
    if videos:
        parts.append(
            f"`datasets` decodes {' and '.join(f'`{m}`' for m in videos)} with torchcodec; "
            f'`.cast_column("{videos[0]}.mp4", Video(decode=False))` gives the bytes.'
        )
    if "flow" in version.dataset.modalities:
        parts += ["Optical flow in pixels per frame:", _python(snippets.of_flow(version))]
    return "\n\n".join([*parts, "One clip by the index, without unpacking:", _python(snippets.of_one_clip())])


def _python(code: str) -> str:
    return f"```python\n{code}\n```"


def uses(version: Version) -> str:
    """What it is for and what it is not, and what is known to be weak."""
    made = version.manifest["modalities"]
    limits = [
        "A label belongs to an activity, not to a clip: it knows nothing of effort, form, fatigue, side or person, and "
        "it is no measurement such as electromyography.",
        "The people in fitness videos are not a sample of the population, and body types, ages and abilities are "
        "unevenly shown.",
    ]
    if "skeleton" in made:
        limits.append(
            "Skeletons are estimates (the paper's are AlphaPose's). Frames without a person have zero joints (`found` "
            "is false); short gaps are filled (`interpolated`). Lying and partly hidden people are found less surely."
        )
    if "flow" in made:
        limits.append("Flow is clipped at its bound, and quantised: a still pixel reads bound / 255, not 0.")
    if version.manifest["clips"] < 1000:
        limits.append(f"With {version.manifest['clips']:,} clips it is a sample to try code on, not a benchmark.")
    return "\n\n".join(["## Uses and limits", USES, "\n".join(f"- {limit}" for limit in limits)])


def licences(version: Version) -> str:
    """What may be done with which part."""
    made = version.manifest["modalities"]
    seen = [WORDS[m] for m in PICTURES if m in made]
    lines = ["Code, label tables and annotations: Apache-2.0."]
    if seen:
        lines.append(
            f"Videos belong to their authors. In this version ({escape(version.manifest['tier'])}) they can be seen "
            f"in: {', '.join(seen)}. Where the sources are YouTube videos, these are not ours to license: no licence "
            "is given for them, and they may not be redistributed. Columns without pictures can be copied alone."
        )
    else:
        lines.append(f"This version ({escape(version.manifest['tier'])}) holds no picture of any video.")
    if "skeleton" in made:
        lines.append(_weights(made["skeleton"].get("detail", {})))
    return "\n\n".join(["## Licences", "\n".join(f"- {line}" for line in lines)])


def _weights(detail: dict[str, Any]) -> str:
    model = _model(str(detail.get("weights", "")))
    if str(detail.get("backend", "")).startswith("alphapose"):
        return "Skeletons by AlphaPose, whose released weights are for non-commercial use only. They are not included."
    if model is None:
        return "Weights of the pose estimator: not among those that the code knows; ask who made this version."
    return f"Weights of the pose estimator, {model.title}: {model.licence} ({model.citation}). They are not included."


def takedown() -> str:
    """How a video gets out."""
    return _prose(
        """
        ## Consent and takedown

        The code collects videos that were public, by their ids, and asks nobody who is seen in them: public is not
        consent. Whoever adds own videos has to have it.

        Is a video yours, or are you in it? Ask whoever gave you this version to remove it, and name the source id (the
        first part of a clip's key) or the video's address. `make takedown` removes it from every column, keeps its id
        in `annotations/takedowns.csv`, so that it is never downloaded again, and writes the next version without it.
        Whoever has an older version deletes it.
        """
    )


def citation() -> str:
    """The paper, to cite."""
    return f"## Citation\n\n```bibtex\n{paper.BIBTEX}\n```"


def _authors() -> str:
    return f"{paper.AUTHORS[0].split()[-1]} et al."


def _meaning(reason: str) -> str:
    return BRANCHES.get(reason.split("/")[0], "")
