"""The rotation trick (Fifty et al., 2025)."""

import torch.nn.functional as F
from torch import Tensor


def rotation_trick(latents: Tensor, quantized: Tensor) -> Tensor:
    """Quantized value, with a gradient that rotates and rescales onto `latents` (Fifty et al., 2025, eq. 4).

    latents, quantized: [..., D]. Value equals `quantized`; d out / d latents = |q|/|e| R, with R and the ratio held
    constant. R = I - 2 w w^T + 2 q^ e^T takes e^ = e/|e| to q^ = q/|q| in their plane, with w = (e^ + q^)/|e^ + q^|;
    so the gradient keeps its angle to the vector it is taken at. The ratio is at most 10, since latents near zero, as
    deep residuals are, would blow the gradient up.
    """
    e, q = latents.detach(), quantized.detach()
    e_unit, q_unit = F.normalize(e, dim=-1), F.normalize(q, dim=-1)
    w = F.normalize(e_unit + q_unit, dim=-1)
    ratio = (q.norm(dim=-1, keepdim=True) / e.norm(dim=-1, keepdim=True).clamp(min=1e-12)).clamp(max=10)
    along_w = (latents * w).sum(-1, keepdim=True)
    along_e = (latents * e_unit).sum(-1, keepdim=True)
    rotated = ratio * (latents - 2 * along_w * w + 2 * along_e * q_unit)
    return rotated + (q - rotated).detach()
