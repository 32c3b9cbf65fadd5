"""What has moved since the last look: a part whose weights stand still does not learn, whatever its loss says."""

import torch
from torch import Tensor, nn

from kvant.quantizers import TrackedCodebook
from kvant.training.diagnosis.listening import Heard

SAMPLED = 4096
"""Weights kept of each tensor: enough to tell movement, and small beside the largest discriminator."""


class Movement:
    """Relative movement of the weights of named parts between two calls. Frozen parts (no gradient) are left out."""

    def __init__(self) -> None:
        self.last: dict[str, tuple[nn.Module, list[Tensor]]] = {}

    @torch.no_grad()
    def __call__(self, parts: dict[str, nn.Module]) -> dict[str, float]:
        """`moved/PART`: |w - w_last| / |w_last| over sampled weights of parts that were seen before and can learn.

        A part of the same name that is another module, as of a new phase, has not moved: it has been replaced.
        """
        measures = {}
        for name, part in parts.items():
            now = [sampled(weight) for weight in part.parameters() if weight.requires_grad]
            known, last = self.last.get(name, (None, []))
            if now and known is part and len(now) == len(last):
                change, size = (_norm(rows) for rows in ([a - b for a, b in zip(now, last)], last))
                measures[f"moved/{name}"] = change / max(size, 1e-20)
            self.last[name] = (part, now)
        return measures


class CodebookMovement:
    """Relative movement of codebook vectors between two calls, of those that are in use."""

    def __init__(self) -> None:
        self.last: dict[int, Tensor] = {}

    @torch.no_grad()
    def __call__(self, codebooks: list[TrackedCodebook], heard: dict[int, Heard]) -> dict[str, float]:
        """`codebook_k/moved`: median over the codes that won latents of |v - v_last| / RMS |v|.

        The median, since a remedy that moves a few dead codes is no learning; of used codes, since others may rest.
        """
        measures = {}
        for index, said in heard.items():
            now = codebooks[index].vectors.detach().clone()
            last = self.last.get(index)
            if last is not None and last.shape == now.shape:
                change = (now - last).norm(dim=-1)[said.codes.unique()].median()
                size = now.square().sum(-1).mean().sqrt()
                measures[f"codebook_{index}/moved"] = float(change / size.clamp(min=1e-20))
            self.last[index] = now
        return measures


def sampled(weight: Tensor) -> Tensor:
    """At most about `SAMPLED` weights, evenly taken; a copy."""
    flat = weight.detach().reshape(-1)
    return flat[:: max(1, len(flat) // SAMPLED)].clone()


def _norm(rows: list[Tensor]) -> float:
    return float(sum(row.square().sum() for row in rows)) ** 0.5
