"""Torch is optional for users of codecs, and so for their tests: without it, those of the torch side are left out."""

import sys
from importlib.util import find_spec

import pytest

if find_spec("torch") is None:
    collect_ignore = [
        "lab",
        "laws",
        "equations",
        "torch",
        "diagnosis/test_measures.py",
        "diagnosis/test_sabotage.py",
        "test_budget.py",
    ]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors gain nothing from a second thread; the tests that are about threads set their own number."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
