"""a2: how wrong and how noisy the gradients of a drawn code are, against the temperature."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from kvant.lab.bench import Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS
from kvant.protocols import Relaxation
from kvant.quantizers.gradients import CategoricalStraightThrough, ReinMax, StraightThroughGumbel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPERATURES = (0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 5.0)
PROBLEMS, CODES, DIM, DRAWS = 24, 4, 3, 20_000
Loss = Callable[[Tensor, Tensor], Tensor]
NEAR = "quartic, codes near"
LOSSES: dict[str, tuple[Loss, float]] = {
    "quadratic": (lambda y, target: (y - target).square().sum(-1), 1.0),
    "quartic": (lambda y, target: (y - target).pow(4).sum(-1), 1.0),
    NEAR: (lambda y, target: (y - target).pow(4).sum(-1), 0.3),
}
"""And the spread of the vectors: the target lies 1 away from 0 in each dimension."""
NAMES = ("ST-Gumbel", "ReinMax", "straight-through", "REINFORCE")
DRAWING: tuple[Callable[[float], Relaxation], ...] = (StraightThroughGumbel, ReinMax, CategoricalStraightThrough)


class Problem(NamedTuple):
    """Four vectors [4, d] drawn by logits [4]; the loss of the drawn one is to fall."""

    logits: Tensor
    vectors: Tensor
    target: Tensor

    def truth(self, loss: Loss) -> Tensor:
        """[4]: the gradient of the mean loss sum p_k f(e_k), which a sum over all codes gives exactly."""
        f = loss(self.vectors, self.target)
        return self.logits.softmax(0) * (f - self.logits.softmax(0) @ f)

    def draws(self, name: str, temperature: float, loss: Loss) -> tuple[Tensor, Tensor]:
        """Gradients [n, 4] and their chances [n]: one a code where it decides all, else many drawn."""
        p = self.logits.softmax(0)
        if name == "REINFORCE":
            return loss(self.vectors, self.target)[:, None] * (torch.eye(CODES) - p), p
        logits = self.logits.expand(DRAWS, CODES).clone().requires_grad_()
        value, codes = DRAWING[NAMES.index(name)](temperature)(logits, self.vectors)
        (gradients,) = torch.autograd.grad(loss(value, self.target).sum(), logits)
        if name == "ST-Gumbel":
            return gradients, torch.full((DRAWS,), 1 / DRAWS)
        return gradients[[codes.tolist().index(code) for code in range(CODES)]], p


def run(bench: Bench) -> Finding:
    """Root mean squares over problems, of |mean - truth| and of the deviation, beside that of |truth|."""
    normal = partial(torch.randn, generator=torch.Generator().manual_seed(bench.seed))
    problems = [Problem(normal(CODES), normal(CODES, DIM), normal(DIM)) for _ in range(PROBLEMS)]
    rows: list[dict[str, float | int | str]] = []
    for loss, (function, spread) in LOSSES.items():
        posed = [problem._replace(vectors=spread * problem.vectors) for problem in problems]
        for name in NAMES:
            for temperature in TEMPERATURES if name in NAMES[:2] else (1.0,):
                errors = _measure(posed, name, temperature, function)
                rows.append({"loss": loss, "estimator": name, "temperature": temperature, **errors})
    return Finding(rows, partial(_draw, rows=rows), _seen(_table(rows)), _checks(_table(rows)))


def _measure(problems: list[Problem], name: str, temperature: float, loss: Loss) -> dict[str, float]:
    squares = torch.zeros(3, dtype=torch.float64)
    for problem in problems:
        gradients, chances = (each.double() for each in problem.draws(name, temperature, loss))
        truth, mean = problem.truth(loss).double(), chances @ gradients
        variances = chances @ (gradients - mean).square()
        squares += torch.stack([(mean - truth).square(), variances, truth.square()]).sum(1)
    bias, deviation, length = squares.sqrt().tolist()
    return {"bias": bias / length, "deviation": deviation / length}


def _table(rows: list[dict[str, float | int | str]]) -> Callable[..., float]:
    """(loss, estimator, column, temperature) -> the value."""
    at = {(row["loss"], row["estimator"], row["temperature"]): row for row in rows}
    return lambda loss, name, what="bias", temperature=1.0: float(at[loss, name, temperature][what])


def _seen(at: Callable[..., float]) -> str:
    low, *_, high = TEMPERATURES
    cold, hot = (at("quadratic", "ST-Gumbel", "deviation", t) for t in (low, high))
    near, far = ([f"{at(loss, name):.0%}" for name in ("ReinMax", "straight-through")] for loss in (NEAR, "quartic"))
    return (
        "A code is drawn from four, and its loss is to fall; the true gradient of the mean loss is a sum over the "
        f"four. REINFORCE has it in the mean and deviates by {at('quadratic', 'REINFORCE', 'deviation'):.1f} times its "
        "length. Straight-through pretends that the loss is linear between codes, and on a quadratic is off by "
        f"{at('quadratic', 'straight-through'):.0%}. ReinMax takes the slope at both ends, which is exact for a "
        f"quadratic (bias {at('quadratic', 'ReinMax'):.0e} at temperature 1). On a quartic it leaves {near[0]}, beside "
        f"{near[1]}, if the codes are near, and {far[0]} beside {far[1]} if they are far apart: no order helps there. "
        f"Temperature trades one error for the other: ST-Gumbel deviates by {cold:.1f} at {low:g} and by {hot:.2f} at "
        f"{high:g}, where its bias is {at('quadratic', 'ST-Gumbel', 'bias', high):.0%}: hot gradients are short ones."
    )


def _checks(at: Callable[..., float]) -> tuple[Check, ...]:
    exact, linear = (at("quadratic", name) for name in ("ReinMax", "straight-through"))
    free = max(at(loss, "REINFORCE") for loss in LOSSES)
    gumbel = min(at("quadratic", "ST-Gumbel", "bias", t) for t in TEMPERATURES)
    far, second, first = at("quartic", "ReinMax"), at(NEAR, "ReinMax"), at(NEAR, "straight-through")
    spread = [at("quadratic", "ST-Gumbel", "deviation", t) for t in TEMPERATURES]
    noise, calm = (at("quadratic", name, "deviation") for name in ("REINFORCE", "ReinMax"))
    claims = {
        "on a quadratic ReinMax at temperature 1 has no bias": (exact < 1e-5, f"{exact:.0e}"),
        "on it straight-through has": (linear > 0.2, f"{linear:.2f}"),
        "and ST-Gumbel at every temperature": (gumbel > 0.03, f"at least {gumbel:.2f}"),
        "on a quartic with near codes ReinMax has less": (1e-4 < second < 0.7 * first, f"{second:.3f}, {first:.3f}"),
        "with codes far apart it has much": (far > 0.15, f"{far:.2f}"),
        "REINFORCE has none on any": (free < 1e-5, f"{free:.0e}"),
        "ST-Gumbel deviates the more the colder it is": (spread == sorted(spread)[::-1], f"{spread[0]:.1f} when cold"),
        "ReinMax deviates less than REINFORCE on a quadratic": (calm < noise, f"{calm:.2f}, {noise:.2f}"),
    }
    return tuple(Check(claim, measured, holds) for claim, (holds, measured) in claims.items())


def _draw(figure: "Figure", rows: list[dict[str, float | int | str]]) -> None:
    figure.suptitle("ReinMax is exact on a quadratic, straight-through is not; heat buys calm with bias")
    for line, what in zip(figure.subplots(2, 3, sharex=True, sharey="row"), ("bias", "deviation")):
        line[0].set_ylabel(f"{what} / |gradient|")
        for axis, loss in zip(line, LOSSES):
            for colour, name in zip(COLOURS, NAMES):
                points = [row for row in rows if (row["loss"], row["estimator"]) == (loss, name)]
                x, y = ([float(row[key]) for row in points] for key in ("temperature", what))
                axis.plot(x, y, "o:" if len(x) == 1 else "o-", color=colour, label=name, markersize=4)
                if len(points) == 1:
                    axis.axhline(y[0], color=colour, linestyle=":")
            axis.set(xscale="log", title=loss if what == "bias" else "")
            axis.set_xticks(TEMPERATURES, [f"{t:g}" for t in TEMPERATURES])
            axis.set_xticks([], minor=True)
    for axis in line:
        axis.set(xlabel="temperature", yscale="log")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=4)


EXPERIMENT = Experiment(
    "a2-bias-variance",
    "Gradients of a drawn code: exact, calm, or neither",
    "How far from the true gradient are the estimators of a categorical choice in the mean, and how much do they vary?",
    run,
)
