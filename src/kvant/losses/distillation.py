"""Semantic distillation: codes learn from a speech model what is said (SpeechTokenizer: Zhang et al., 2024)."""

import torch.nn.functional as F
from torch import Tensor, nn


class SemanticDistillationLoss(nn.Module):
    """-log sigmoid(cos(e_d, r_d)), mean over items and dimensions d; e_d, r_d: how a dimension goes through time.

    Their distillation on the D-axis: with the cosine of whole tracks, not of frames, every dimension counts alike, and
    its scale not at all. Where all agree it is log(1 + 1/e) = 0.313, where all are opposite 1 more.
    """

    def forward(self, estimate: Tensor, reference: Tensor) -> Tensor:
        """estimate, reference: [B, D, T], of which the longer is cut.

        estimate: the first level's latents, mapped to the teacher's dimensions by a learnt matrix; reference: features
        of a speech model at the same frame rate, such as HuBERT's averaged over its layers.
        """
        frames = min(estimate.shape[-1], reference.shape[-1])
        alike = F.cosine_similarity(estimate[..., :frames], reference[..., :frames], dim=-1)
        return -F.logsigmoid(alike).mean()
