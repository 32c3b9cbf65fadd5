"""c4 whole: it takes seconds."""

from kvant.lab.bench import Bench
from kvant.lab.c4_rate_distortion_toys import EXPERIMENT


def test_it_finds_what_it_claims_and_the_same_twice() -> None:
    first, again = (EXPERIMENT.run(Bench(5)) for _ in range(2))
    assert all(check.holds for check in first.checks), first.checks
    assert first.rows == again.rows
