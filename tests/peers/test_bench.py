"""`kvant bench codecs` itself: two processes, the same weights, the same codes.

Needs encodec, as `test_encodec.py` says; without it this test is skipped.
"""

import pytest

from kvant.bench.comparison import compare

pytest.importorskip("einops")
pytest.importorskip("encodec")


def test_both_sides_make_the_same_codes() -> None:
    found = compare("encodec-24khz", "torch", seconds=1, threads=1, rounds=1, frames=True)
    assert found.codes_equal == 1
    assert found.wav_error < 1e-4
    assert min(*found.encode, *found.decode) > 0
    assert found.frame is not None
    assert min(found.frame) > 0
    assert min(found.megabytes) > 50
