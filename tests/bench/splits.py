"""Counts of both split protocols on simulated tables of 15,004 clips, and the cost of comparing their frames.

`python -m tests.bench.splits`. The paper does not say how its clips spread over videos, so three ways are shown.
"""

from __future__ import annotations

import random
import time
from collections import Counter

from annotations.splits import PROTOCOLS, SPLITS, UNUSED, assign, sources_with_known
from dataset_card import leaks

CLIPS, NEW = 15_004, 4_715
"""Clips in the paper, and those of new activities by section 3.3."""
PAPER = (7069, 1599, 1594, 2355, 2360)


def simulate(per_video: int, mixed: bool) -> list[tuple[str, str, bool]]:
    """(source, key, new) of clips, `per_video` a video, whose activities are all of one set or mixed."""
    draw = random.Random(0)
    clips = []
    for number in range(CLIPS):
        video = number // per_video
        new = (draw if mixed else random.Random(video)).random() < NEW / CLIPS
        clips.append((f"video-{video}", f"video-{video}-{number}", new))
    return clips


def main() -> None:
    print(f"| table | protocol | {' | '.join((*SPLITS, UNUSED))} |")
    print(f"|---|---|{'--:|' * (len(SPLITS) + 1)}")
    print(f"| the paper (section 3.3) | – | {' | '.join(f'{count:,}' for count in PAPER)} | – |")
    for per_video, mixed in ((1, False), (8, False), (8, True)):
        clips = simulate(per_video, mixed)
        known = sources_with_known((source, new) for source, _, new in clips)
        for protocol in PROTOCOLS:
            counts = Counter(assign(protocol, 0, s, key, new, s in known) for s, key, new in clips)
            what = "" if per_video == 1 else ", known and new mixed" if mixed else ", known or new"
            cells = " | ".join(f"{counts[split]:,}" for split in (*SPLITS, UNUSED))
            print(f"| {per_video} a video{what} | `{protocol}` | {cells} |")
    draw = random.Random(0)
    prints = [(row, draw.getrandbits(64)) for row in range(CLIPS) for _ in leaks.MOMENTS]
    sides = draw.choices(leaks.SIDES, (70, 15, 15), k=CLIPS)
    start = time.perf_counter()
    pairs = leaks.near_pairs(prints, sides)
    print(f"\n{len(prints):,} frames compared in {time.perf_counter() - start:.1f} s; {len(pairs)} pairs by chance")


if __name__ == "__main__":
    main()
