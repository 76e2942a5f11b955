"""Optical flow of a clip, by the solver that the configuration names.

A solver takes uint8 RGB frames [T, H, W, 3] and gives float32 [T−1, H, W, 2]: field t holds, for each pixel
of frame t, how far it moves to frame t+1, x to the right then y downwards, in pixels per frame. The values
are finite, and the same for the same frames whatever the number of cores; those of tvl1 on a GPU may differ from
the CPU's by 0.02 pixels on average. Fewer than two frames are a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from pipeline.config import FlowConfig
from pipeline.flow import denseflow
from pipeline.flow.codec import quantise

Solver = Callable[[np.ndarray], np.ndarray]
PairSolver = Callable[[np.ndarray, np.ndarray], np.ndarray]

GPU_BATCH = 8
"""Pairs on a GPU at a time: the working set of more, 5.6 MB a pair at 340×256, leaves the cache of an H100 (50 MB)."""

DIS_SMALLEST = 16
"""DIS needs a whole 8-pixel patch at half size: narrower pictures are padded to this many pixels."""


def solver(config: FlowConfig) -> Solver:
    """The solver that `config.backend` names: all but denseflow, which reads files and quantises by itself."""
    match config.backend:
        case "tvl1":
            return lambda frames: _tvl1(frames, config)
        case "opencv":
            return lambda frames: _each_pair(tvl1_opencv(), frames)
        case "dis":
            return lambda frames: _each_pair(dis(), frames)
        case "farneback":
            return lambda frames: _each_pair(farneback, frames)
        case _:
            raise ValueError(f"unknown flow backend {config.backend!r}")


def levels(config: FlowConfig, frames: np.ndarray, clip: Path) -> np.ndarray:
    """The quantised flow (see codec.py) of a clip by any backend, uint8 [T−1, H, W, 2]; `frames` are those of the
    file `clip`. Raises denseflow.DenseflowError for what that program does wrong, MemoryError for a GPU that cannot
    hold one pair."""
    if config.backend == "denseflow":
        return denseflow.levels(Path(config.binary), clip, int(config.bound), frames.shape)
    if config.backend == "tvl1":
        return _tvl1(frames, config, config.bound)
    return np.stack([quantise(field, config.bound) for field in solver(config)(frames)])


def _tvl1(frames: np.ndarray, config: FlowConfig, bound: float | None = None) -> np.ndarray:
    """The flow, or its levels if a bound is given, on the GPU if there is one: the frames go there once."""
    import torch  # takes a second, and only this backend needs it

    from pipeline.flow import tvl1

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums, and so the early stop, depend on it
    try:
        with _one_thread(), torch.inference_mode():
            device, batch = ("cuda", GPU_BATCH) if torch.cuda.is_available() else ("cpu", 1)
            pictures = torch.from_numpy(grey(frames)).to(device)
            parts = tvl1.flow(pictures, tvl1.PRESETS[config.preset], batch, bound)
            return np.concatenate([part.cpu().numpy() for part in parts])
    except torch.OutOfMemoryError as error:
        raise MemoryError(f"not even one pair of frames fits: {error}") from None
    finally:
        torch.set_num_threads(threads)


def grey(frames: np.ndarray) -> np.ndarray:
    """Luma by ITU-R BT.601, as in OpenCV and so in DenseFlow: uint8 RGB [T, H, W, 3] → uint8 [T, H, W]."""
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])


def tvl1_opencv() -> PairSolver:
    """TV-L1 (Zach, Pock and Bischof, 2007) of opencv-contrib with its defaults: the yardstick.

    They are written out so that another version of OpenCV cannot change them. A pair at 340×256 takes about
    a second on one core.
    """
    return _calc(
        cv2.optflow.DualTVL1OpticalFlow.create(
            tau=0.25,
            lambda_=0.15,
            theta=0.3,
            nscales=5,
            warps=5,
            epsilon=0.01,
            innnerIterations=30,
            outerIterations=10,
            scaleStep=0.8,
            gamma=0.0,
            medianFiltering=5,
            useInitialFlow=False,
        )
    )


def dis() -> PairSolver:
    """Dense inverse search (Kroeger et al., ECCV 2016), preset medium: a fast preview, about 6 ms a pair."""
    calc = _calc(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM))

    def pair(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        height, width = first.shape
        margin = ((0, max(0, DIS_SMALLEST - height)), (0, max(0, DIS_SMALLEST - width)))
        return calc(np.pad(first, margin, "edge"), np.pad(second, margin, "edge"))[:height, :width]

    return pair


def farneback(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Polynomial expansion (Farnebäck, SCIA 2003) with the parameters of OpenCV's documentation."""
    return cv2.calcOpticalFlowFarneback(
        first,
        second,
        None,
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.2,
        flags=0,
    )


def _calc(algorithm: cv2.DenseOpticalFlow) -> PairSolver:
    return lambda first, second: algorithm.calc(first, second, None)


def _each_pair(pair: PairSolver, frames: np.ndarray) -> np.ndarray:
    if len(frames) < 2:
        raise ValueError(f"flow needs two frames, got {len(frames)}")
    pictures = grey(frames)
    flow = np.empty((len(frames) - 1, *pictures.shape[1:], 2), np.float32)
    with _one_thread():
        for t, field in enumerate(flow):
            # A repeated frame has not moved, whatever Farnebäck makes of its borders.
            still = np.array_equal(pictures[t], pictures[t + 1])
            field[:] = 0 if still else pair(pictures[t], pictures[t + 1])
            if not np.isfinite(field).all():
                raise FloatingPointError(f"the flow from frame {t} is not finite")
    return flow


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV cuts pictures into as many stripes as it has threads, and DIS depends on the stripes."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
