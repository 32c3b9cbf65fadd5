"""Beam search through residual codebooks: what a level decides, the later levels may still overrule.

Greedy search gives each level the vector nearest to what is left, and so may leave the next one what it cannot code.
The M-algorithm (Jelinek and Anderson, 1971), which LeBlanc et al. (1993) brought to the residual codebooks of Juang and
Gray (1982), keeps the best M sums of each level instead. Decoders know nothing of it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kvant.errors import UsageError

MAX_SCORES = 1 << 24
"""Candidates weighed at once: what bounds memory, whatever the length."""


def check_beam(beam: int) -> None:
    """UsageError: a beam below 1."""
    if beam < 1:
        raise UsageError(f"beam {beam}: must be at least 1")


def beam_search(latents: Tensor, codebooks: Sequence[Tensor], beam: int) -> Tensor:
    """Codes int64 [n, K] of latents [n, D]: of the sums v_1 + ... + v_K that the beam reaches, the nearest.

    codebooks: K times vectors [V_k, D]. beam: how many sums each level hands to the next. 1 is greedy search, with its
    very codes; V^(K-1) is exhaustive. What is chosen is chosen for K levels: the first k < K of them are a valid code,
    but not the nearest one with k.
    """
    rows = max(1, MAX_SCORES // (beam * max(map(len, codebooks))))
    return torch.cat([_search(part, codebooks, beam) for part in latents.split(rows)])


def _search(latents: Tensor, codebooks: Sequence[Tensor], beam: int) -> Tensor:
    """As above, all at once.

    With r = z - v_1 - ... - v_{k-1}, |r - v|^2 = |r|^2 + 2 (|v|^2/2 - r.v): what a sum costs grows level by level.
    Half of it counts, less |z|^2/2, which all have in common, and less the cost of the best, so that small differences
    are not lost among large numbers.
    """
    residuals = latents[:, None]  # [n, sums, D]
    costs = latents.new_zeros(len(latents), 1)
    codes = torch.zeros(len(latents), 1, 0, dtype=torch.int64, device=latents.device)
    for level, vectors in enumerate(codebooks, start=1):
        products = residuals.reshape(-1, latents.shape[1]) @ vectors.T
        scores = (vectors.square().sum(-1) / 2 - products).reshape(*costs.shape, len(vectors))
        candidates = (costs[..., None] + scores).flatten(1)
        costs, chosen = _least(candidates, 1 if level == len(codebooks) else min(beam, candidates.shape[1]))
        costs = costs - costs[:, :1]
        parents, level_codes = chosen // len(vectors), chosen % len(vectors)
        residuals = _rows(residuals, parents) - vectors[level_codes]
        codes = torch.cat([_rows(codes, parents), level_codes[..., None]], dim=-1)
    return codes[:, 0]


def _least(candidates: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Values and places [n, count] of the least of candidates [n, m], ascending. Of one, the lower place wins a tie."""
    if count == 1:
        best = candidates.argmin(1, keepdim=True)
        return candidates.gather(1, best), best
    least = candidates.topk(count, largest=False)
    return least.values, least.indices


def _rows(table: Tensor, places: Tensor) -> Tensor:
    """[n, b, x]: of each item's rows in table [n, a, x], those at places [n, b]."""
    return table.gather(1, places[..., None].expand(-1, -1, table.shape[2]))
