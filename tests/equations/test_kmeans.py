"""Lloyd's algorithm against the optimal scalar quantizers of the Gaussian (Lloyd, 1957; Max, 1960)."""

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from kvant.quantizers.kmeans import kmeans, lloyd, nearest

LLOYD_MAX = {2: 0.36338, 4: 0.117482, 8: 0.034548, 16: 0.009501}
"""Mean squared error of the best quantizer of a unit Gaussian, by number of levels."""


@pytest.mark.parametrize(("levels", "distortion"), LLOYD_MAX.items())
def test_distortion_reaches_the_lloyd_max_constants(levels: int, distortion: float) -> None:
    """Points at the quantiles of the Gaussian leave no sampling error; its density is log-concave: one fixed point."""
    probability = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    points = torch.special.ndtri(probability)[:, None].float()
    centres = kmeans(points, levels, iterations=300, generator=torch.Generator().manual_seed(0))
    error = (points - centres[nearest(points, centres)]).square().mean()
    assert float(error) == pytest.approx(distortion, rel=0.01)


def test_each_iteration_lowers_the_error() -> None:
    points = torch.randn(600, 4, generator=torch.Generator().manual_seed(0))
    errors = []
    for iterations in range(8):
        centres = kmeans(points, 16, iterations, generator=torch.Generator().manual_seed(1))
        errors.append(float((points - centres[nearest(points, centres)]).square().mean()))
    assert errors == sorted(errors, reverse=True)


def test_a_fixed_point_is_nearest_assignment_and_cluster_means() -> None:
    points = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    centres = kmeans(points, 8, iterations=200, generator=torch.Generator().manual_seed(1))
    codes = nearest(points, centres)
    means = torch.stack([points[codes == code].mean(0) for code in range(8)])
    torch.testing.assert_close(centres, means, rtol=1e-4, atol=1e-5)


def test_fewer_points_than_centres_are_all_kept_and_every_centre_can_win() -> None:
    """Each point is a centre to within the jitter, and no two centres coincide."""
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    centres = kmeans(points, 12, iterations=0, generator=torch.Generator().manual_seed(1))
    assert torch.cdist(points, centres).amin(dim=1).max() < 0.01
    assert torch.pdist(centres).min() > 0
    assert torch.equal(nearest(centres, centres), torch.arange(12))


def test_empty_clusters_restart_at_points() -> None:
    """Among 40 places visited 10 times each, 32 random points surely coincide somewhere: some clusters start empty."""
    places = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    points = places.repeat(10, 1)
    start = kmeans(points, 32, iterations=0, generator=torch.Generator().manual_seed(0))
    assert torch.bincount(nearest(points, start), minlength=32).min() == 0
    centres = kmeans(points, 32, iterations=30, generator=torch.Generator().manual_seed(0))
    assert torch.bincount(nearest(points, centres), minlength=32).min() > 0


def test_same_generator_same_centres() -> None:
    points = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    first, second = (kmeans(points, 8, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)


class OnTheCPU(TorchFunctionMode):
    """Refuses a draw by a generator where torch says on which device: of another than the generator's, torch does."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (kwargs or {}).get("generator") is not None:
            self.draws += 1
            assert "device" not in kwargs
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(("places", "size"), [(5, 12), (40, 32)], ids=["too few points", "empty clusters"])
def test_draws_are_the_generators_wherever_the_points_are(places: int, size: int) -> None:
    """One seed, one start, and no refusal: a GPU takes no numbers from a generator of the CPU."""
    points = torch.randn(places, 2, generator=torch.Generator().manual_seed(0)).repeat(2, 1)[: 5 if places == 5 else 80]
    with OnTheCPU() as mode:
        kmeans(points, size, generator=torch.Generator().manual_seed(0))
    assert mode.draws >= 11


def test_lloyd_goes_on_from_where_it_was() -> None:
    """Ten iterations are four and then six, and none is none; what it starts from is left alone."""
    points = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    start = points[:8].clone()
    assert torch.equal(lloyd(points, start, 0), start)
    assert torch.equal(lloyd(points, lloyd(points, start, 4), 6), lloyd(points, start, 10))
    assert torch.equal(start, points[:8])
