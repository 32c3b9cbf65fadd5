"""Torch is optional for users of codecs, and so for their tests: without it, those of the torch side are left out."""

import os
import sys
from importlib.util import find_spec

import pytest

for pool in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(pool, "1")  # read once by each library, and by those of processes that tests start

if find_spec("torch") is None:
    collect_ignore = [
        "ablation",
        "hub",
        "importing",
        "lab",
        "laws",
        "equations",
        "peers",
        "torch",
        "cli/test_import.py",
        "cli/test_import_with.py",
        "diagnosis/test_measures.py",
        "diagnosis/test_sabotage.py",
        "evaluation/test_facts.py",
        "test_budget.py",
    ]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors gain nothing from a second thread; the tests that are about threads set their own number."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
