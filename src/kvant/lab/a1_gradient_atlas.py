"""a1: where each gradient estimator sends a latent, drawn over the cells of a codebook in the plane."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from kvant.lab.bench import Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, INK, SOFT
from kvant.quantizers import gradients
from kvant.quantizers.kmeans import nearest
from kvant.quantizers.relaxed import nearness

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VECTORS = torch.tensor([[-1.3, 0.9], [0.1, 1.2], [1.4, 0.3], [-0.5, -0.3], [-1.2, -1.2], [0.7, -1.1]])
TARGET = torch.tensor([1.0, 1.15])
X, Y = 2.0, 1.75
DRAWS = 4000
Arrows = dict[str, tuple[Tensor, Tensor]]  # by estimator: at latents [n, 2], at the vectors [V, 2]


def _relaxed(latents: Tensor, quantized: Tensor, vectors: Tensor) -> Tensor:
    return gradients.GumbelSoftmax(0.5)(nearness(latents, vectors), vectors)[0]


ESTIMATORS: dict[str, tuple[Callable[..., Tensor], int, str]] = {
    "straight-through": (gradients.straight_through, 1, "copied"),
    "rotation trick": (gradients.rotation_trick, 1, "turned with q"),
    "NSVQ": (gradients.noise_substitution, DRAWS, "two pulls"),
    "DiVeQ": (gradients.DiVeQ(sigma=0.0), 1, "nothing along z - q"),
    "synchronized": (gradients.Synchronized(), 1, "vectors follow"),
    "Gumbel-softmax": (_relaxed, DRAWS, "no borders"),
}
"""By name: the estimator, how many draws its arrows are the mean of, and what to look for."""


def pull(name: str, z: Tensor) -> tuple[Tensor, Tensor]:
    """Minus the gradients of |y - TARGET|^2 / 2: at latents z [n, 2], and at the vectors [V, 2] summed over them.

    Means over draws; the same noise at every latent, so that arrows differ by place alone.
    """
    estimator, draws, _ = ESTIMATORS[name]
    latents, vectors = z.clone().requires_grad_(), VECTORS.clone().requires_grad_()
    for latent in latents:
        torch.manual_seed(0)
        repeated = latent.expand(draws, 2)
        given = (repeated, vectors[nearest(repeated.detach(), VECTORS)])
        value = estimator(*given, vectors) if estimator is _relaxed else estimator(*given)
        ((value - TARGET).square().sum() / 2 / draws).backward()
    assert latents.grad is not None
    return -latents.grad, torch.zeros_like(VECTORS) if vectors.grad is None else -vectors.grad


def run(bench: Bench) -> Finding:
    """Arrows on a grid for the figure, and at latents drawn by the seed for the checks."""
    grid = torch.cartesian_prod(torch.linspace(-1.8, 1.8, 10), torch.linspace(-1.5, 1.5, 8))
    drawn = {name: pull(name, grid) for name in ESTIMATORS}
    rows: list[dict[str, float | int | str]] = [
        {"estimator": name, "z_x": x, "z_y": y, "arrow_x": u, "arrow_y": v}
        for name, (arrows, _) in drawn.items()
        for (x, y), (u, v) in zip(grid.tolist(), arrows.tolist())
    ]
    generator = torch.Generator().manual_seed(bench.seed)
    z = (2 * torch.rand(64, 2, generator=generator) - 1) * torch.tensor([X, Y])
    smooth, abrupt = _jump("Gumbel-softmax"), _jump("straight-through")
    seen = (
        "One loss, one codebook, six answers to what a latent should hear of the task (arrows: minus the gradient of "
        "the squared distance to the star). Straight-through copies the arrow of the vector, so a whole cell moves in "
        "parallel; the rotation trick turns and scales it with the place of the latent, seen from the origin, where it "
        "is at its wildest; NSVQ in the mean adds a pull towards the vector to that towards the target; DiVeQ takes "
        "away all that points along z - q and gives it to the vectors; synchronized training leaves the latents' "
        "arrows as they were and lets the vectors follow. Only Gumbel-softmax looks at other cells: across a border "
        f"its arrow changes by {smooth:.3f}, where that of straight-through jumps by {abrupt:.2f}. None is the true "
        "gradient, which is zero nearly everywhere."
    )
    return Finding(rows, partial(_draw, grid=grid, drawn=drawn), seen, _checks(z, smooth / abrupt))


def _jump(name: str) -> float:
    """Mean change of the arrow over 0.002 across a border, where it crosses between two neighbouring vectors."""
    one, other = torch.combinations(torch.arange(len(VECTORS))).T
    middle = (VECTORS[one] + VECTORS[other]) / 2
    step = 0.001 * normalize(VECTORS[other] - VECTORS[one], dim=1)
    adjacent = (nearest(middle - step, VECTORS) == one) & (nearest(middle + step, VECTORS) == other)
    before, after = (pull(name, (middle + sign * step)[adjacent])[0] for sign in (-1, 1))
    return (after - before).norm(dim=1).mean().item()


def _checks(z: Tensor, jump: float) -> tuple[Check, ...]:
    codes = nearest(z, VECTORS)
    q, wins = VECTORS[codes], one_hot(codes, len(VECTORS)).float()
    copied, turned, noisy, divided, synchronized, _ = (pull(name, z)[0] for name in ESTIMATORS)
    angle = _angle(turned, z) - _angle(copied, q)
    follow = pull("synchronized", z)[1] - 0.2 * wins.T @ (TARGET - q)
    outcomes = (
        ("straight-through: all latents of a cell have the arrow of its vector", copied - (TARGET - q), 1e-5),
        ("rotation trick: an arrow keeps its angle, to z what it was to q", angle.sin(), 1e-4),
        ("NSVQ: the mean arrow is that to the target plus that to q", noisy - (TARGET + q - 2 * z), 0.2),
        ("DiVeQ: no part of an arrow lies along z - q", (divided * normalize(q - z, dim=1)).sum(1), 1e-4),
        ("synchronized: the latents' arrows are those of straight-through", synchronized - copied, 1e-5),
        ("synchronized: vectors move by 0.2 of the sum of their cell's", follow, 1e-4),
        ("Gumbel-softmax: no jump at the borders, beside straight-through's", torch.tensor(jump), 0.05),
    )
    errors = [(claim, error.abs().max().item(), limit) for claim, error, limit in outcomes]
    return tuple(Check(claim, f"off by {error:.1g}", error < limit) for claim, error, limit in errors)


def _angle(arrow: Tensor, at: Tensor) -> Tensor:
    return torch.atan2(arrow[:, 1], arrow[:, 0]) - torch.atan2(at[:, 1], at[:, 0])


def _draw(figure: "Figure", grid: Tensor, drawn: Arrows) -> None:
    figure.suptitle("Six estimators, six teachers: arrows on latents (blue) and on vectors (orange), one loss")
    fine = torch.cartesian_prod(torch.linspace(-X, X, 640), torch.linspace(-Y, Y, 560))
    cells = nearest(fine, VECTORS).reshape(640, 560).T.float().numpy()
    for axis, (name, (_, _, known)) in zip(figure.subplots(2, 3).flat, ESTIMATORS.items()):
        arrows, vectors = drawn[name]
        axis.contour(cells, levels=[k + 0.5 for k in range(5)], extent=(-X, X, -Y, Y), colors=SOFT, linewidths=0.5)
        axis.quiver(*grid.T, *arrows.T, angles="xy", scale_units="xy", scale=9, width=0.005, color=COLOURS[0])
        axis.plot(*VECTORS.T, "o", color=INK, markersize=4)
        axis.plot(*TARGET, "*", color=COLOURS[2], markersize=12)
        axis.plot(0, 0, "+", color=SOFT)
        if (longest := vectors.norm(dim=1).max()) > 0:
            shown = 0.65 / longest * vectors
            axis.quiver(*VECTORS.T, *shown.T, angles="xy", scale_units="xy", scale=1, width=0.011, color=COLOURS[1])
        axis.set(aspect="equal", xticks=[], yticks=[], xlim=(-X, X), ylim=(-Y, Y))
        axis.spines[:].set_visible(False)
        axis.set_title(f"{name}: {known}", fontsize=11)
    for text, place in (("target", (1.2, 1.3)), ("origin", (0.1, -0.22)), ("vector q", (-1.75, 0.62))):
        figure.axes[0].text(*place, text, fontsize=9, bbox={"color": "white", "pad": 1})


EXPERIMENT = Experiment(
    "a1-gradient-atlas",
    "Six gradient estimators teach six different things",
    "Quantization has no useful gradient of its own: what do the stand-ins tell a latent, and what the codebook?",
    run,
)
