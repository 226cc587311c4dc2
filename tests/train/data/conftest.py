"""Makes the fake packages of this folder importable by their plain name, and builds them once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fakes


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder made of the fake packages, at 64 pixels."""
    folder = tmp_path_factory.mktemp("data")
    fakes.run(folder)
    return folder
