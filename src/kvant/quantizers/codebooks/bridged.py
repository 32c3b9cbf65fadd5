"""VQBridge (Chang et al., 2026): a network over the whole codebook, in training only."""

import torch
from torch import Tensor, nn

from kvant.quantizers.codebooks.parametrized import ParametrizedCodebook


class Bridge(nn.Module):
    """Compress, process, recover: vectors [V, d] -> [V, d], each dependent on all.

    `group` neighbouring codes are compressed to one token of `width`, a transformer processes the V / group tokens, and
    a linear layer, started at zero, recovers what to add to each vector.
    """

    def __init__(self, dim: int, group: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.group = group
        self.compress = nn.Linear(group * dim, width)
        self.process = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
                for _ in range(depth)
            )
        )
        self.recover = nn.Linear(width, group * dim)
        nn.init.zeros_(self.recover.weight)
        nn.init.zeros_(self.recover.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        size, dim = vectors.shape
        padded = nn.functional.pad(vectors, (0, 0, 0, -size % self.group))
        tokens = self.process(self.compress(padded.reshape(1, -1, self.group * dim)))
        return vectors + self.recover(tokens).reshape(-1, dim)[:size]


class BridgedCodebook(ParametrizedCodebook):
    """E = g(C) (FullVQ: Chang et al., 2026): C [V, d] and the bridge g learn together from the codebook loss.

    g mixes codes, so a latent that one code wins moves all. Use it with a decaying learning rate, as its authors do.
    For inference E is baked and g is gone. Compress, process, recover is what the paper's abstract says of g; the sizes
    here, and the identity it starts at, are Kvant's.

    No choice of C puts one vector in place and leaves the others: `replace` puts the wanted vector into C, and what g
    then gives amiss, of any code, into `offsets`: E = g(C) + offsets. They are zero until a remedy acts while g differs
    from the identity. So a codebook started by k-means starts with E = g(C) = C.
    """

    offsets: Tensor

    def __init__(self, size: int, dim: int, group: int = 16, width: int = 128, depth: int = 1, heads: int = 4) -> None:
        super().__init__(size, dim)
        self.seeds = nn.Parameter(torch.randn(size, dim))
        self.bridge = Bridge(dim, group, width, depth, heads)
        self.register_buffer("offsets", torch.zeros(size, dim))

    def express(self) -> Tensor:
        return self.bridge(self.seeds) + self.offsets

    def place(self, mask: Tensor, vectors: Tensor) -> None:
        wanted = self.express().masked_scatter(mask[:, None], vectors.to(self.seeds.dtype))
        self.seeds[mask] = vectors.to(self.seeds.dtype)
        self.offsets.copy_(wanted - self.bridge(self.seeds))
