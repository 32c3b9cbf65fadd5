"""Two float computations of one codec may choose differently where two vectors are equally near, and nowhere else."""

import torch
from torch import Tensor

from kvant.protocols import Quantizer


def count_near_ties(quantizer: Quantizer, latents: Tensor, codes: Tensor, others: Tensor, closest: float = 1e-5) -> int:
    """Frames [B, T] in which `codes` and `others` [B, K, T] differ; each difference must start at a near tie.

    At the first level that differs, the residual r has two candidates v and w: | |r - v|^2 - |r - w|^2 | / |r - v|^2
    must be below `closest`. Later levels of that frame code another residual and are not compared.
    """
    assert codes.shape == others.shape
    differs = codes != others
    first = differs.int().argmax(dim=1)
    ties = 0
    for item, frame in differs.any(dim=1).nonzero().tolist():
        level = int(first[item, frame])
        mine, yours = (c[item : item + 1, :, frame : frame + 1] for c in (codes, others))
        residual = latents[item : item + 1, :, frame : frame + 1]
        if level:
            residual = residual - quantizer.decode(mine[:, :level])
        start = quantizer.decode(mine[:, :level]) if level else torch.zeros_like(residual)
        v, w = (quantizer.decode(c[:, : level + 1]) - start for c in (mine, yours))
        distance, other = ((residual - x).double().square().sum() for x in (v, w))
        gap = float((distance - other).abs() / distance)
        assert gap < closest, f"item {item}, frame {frame}, level {level}: codes differ at a relative gap of {gap:.2e}"
        ties += 1
    if ties:
        print(f"{ties} near ties in {differs[:, 0].numel()} frames")
    return ties
