"""What holds for every test: no network, fixed seeds, one thread.

The network guard is an audit hook: it sees every connection that Python code opens, whichever library asks for it, and
cannot be taken off again. A test that needs another machine fails; loopback and local sockets stay open. Python
processes that a test starts put it on first of all (`offline/sitecustomize.py`).
"""

import importlib
import os
import random
import sys
import tempfile
from pathlib import Path

import pytest

# Toy networks gain nothing from a second thread, and tests may run in several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="mezzotint-tests-")

OFFLINE = str(Path(__file__).parent / "offline")
sys.path.insert(0, OFFLINE)
importlib.import_module("network_guard").install()
os.environ["MEZZOTINT_TEST_OFFLINE"] = "1"
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (OFFLINE, os.environ.get("PYTHONPATH"))))


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test starts from the same random state; torch is touched only where a test has imported it."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
