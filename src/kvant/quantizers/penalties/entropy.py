"""Each latent sure of its code, all codes in use (Yu et al., 2024, MAGVIT-v2; Jansen et al., 2020)."""

from dataclasses import dataclass

from torch import Tensor

from kvant.protocols import Codebook


@dataclass(frozen=True)
class EntropyPenalty:
    """`entropy`: E[H(p(k|z))] - H(E[p(k|z)]) in nats, with p(k|z) = softmax(-|z - e_k|^2 / temperature).

    Between 0 (all latents alike) and -log V (each sure, all codes equally likely); minus the information that a code
    carries of its latent (Yu et al., 2024, eq. 6). Gradient reaches latents, and vectors that have one.

    temperature: in squared distance; well below that between neighbouring vectors, well above 0. H(E[p]) is that of
    the latents at hand, on this rank: with n of them it is low by about (V - 1) / 2n, so it wants n of several V.
    """

    temperature: float = 1.0

    def __call__(self, codebook: Codebook, latents: Tensor) -> dict[str, Tensor]:
        vectors = codebook.vectors
        logits = (2 * latents @ vectors.T - vectors.square().sum(-1)) / self.temperature
        log_p = logits.log_softmax(-1)
        sure = -(log_p.exp() * log_p).sum(-1).mean()
        share = log_p.exp().mean(0)
        spread = -(share * share.clamp(min=1e-20).log()).sum()
        return {"entropy": sure - spread}
