"""Pickles of NumPy arrays and plain data, read without running anything that they may hold."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")
"""Where NumPy's readers of pickles stand in older and newer files."""

ARRAY, SCALAR = (value.__reduce__()[0] for value in (np.zeros(1), np.float64(0)))
BUFFER = np.zeros(1).__reduce_ex__(5)[0]

ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{(module, "_reconstruct"): ARRAY for module in NUMPY},
    **{(module, "scalar"): SCALAR for module in NUMPY},
    **{(module, "_frombuffer"): BUFFER for module in ("numpy.core.numeric", "numpy._core.numeric")},
    ("_codecs", "encode"): lambda text, encoding: text.encode(encoding),
}
"""What a pickle of arrays looks up; the last is how Python 3 writes bytes in the pickles of Python 2."""


def load_arrays(data: bytes, encoding: str = "ASCII") -> Any:
    """The object in a pickle; `encoding` is of the strings of Python 2 ("latin1" where they hold arrays' bytes).

    Raises pickle.UnpicklingError for one that asks for anything else, and what pickle raises for damaged ones.
    """
    return _ArraysOnly(io.BytesIO(data), encoding=encoding).load()


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ALLOWED[module, name]
