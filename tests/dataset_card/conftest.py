"""What the card's tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from fixtures_versions import CLIPS, write_version

from pipeline.records import EXTRACTED

# mlcroissant keeps what it unpacks under the name of the tar alone, and reads this place when it is imported.
_CACHE = tempfile.TemporaryDirectory()
os.environ["CROISSANT_CACHE"] = _CACHE.name


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version with all modalities; tests do not write into it."""
    return write_version(tmp_path_factory.mktemp("full"), CLIPS, EXTRACTED)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version with skeletons and labels alone; tests do not write into it."""
    return write_version(tmp_path_factory.mktemp("bare"), CLIPS, ("skeleton",))
