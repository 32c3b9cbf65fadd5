"""A language model of codes with one recurrent layer: what the frames so far tell of the next one's codes."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.quantizers.codebooks import TrackedCodebook


class CodeLanguageModel(nn.Module):
    """codes [B, K, T] -> logits [B, T, V] of each level, given all earlier frames and the coarser levels of the frame.

    It reads codes as a decoder does, as the sums of their vectors, and starts from the frequencies `counts` [K, V].
    """

    tables: Tensor

    def __init__(self, codebooks: Sequence[TrackedCodebook], counts: Tensor, hidden: int = 192) -> None:
        super().__init__()
        tables = torch.stack([codebook.vectors.detach() for codebook in codebooks])
        dim = tables.shape[-1]
        self.register_buffer("tables", tables)
        self.answers = nn.Parameter(tables / tables.std((1, 2), keepdim=True) / 8)
        self.bias = nn.Parameter(((counts + 1) / (counts + 1).sum(-1, keepdim=True)).log())
        self.past = nn.GRU(dim, hidden, batch_first=True)
        self.questions = nn.ModuleList(
            nn.Sequential(nn.Linear(hidden + dim, hidden), nn.GELU(), nn.Linear(hidden, dim)) for _ in codebooks
        )

    def forward(self, codes: Tensor) -> list[Tensor]:
        vectors = torch.stack([table[level] for table, level in zip(self.tables, codes.unbind(1), strict=True)])
        sums = F.pad(vectors.cumsum(0), (0, 0, 0, 0, 0, 0, 1, 0))
        past = self.past(F.pad(sums[-1, :, :-1], (0, 0, 1, 0)))[0]
        return [
            question(torch.cat([past, coarser], dim=-1)) @ answers.T + bias
            for question, coarser, answers, bias in zip(self.questions, sums, self.answers, self.bias)
        ]


def train(model: CodeLanguageModel, codes: Tensor, steps: int, generator: torch.Generator) -> None:
    """Adam on the code lengths of `codes` [K, T], 16 stretches of 64 frames a step."""
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=max(steps, 2), pct_start=0.1)
    for _ in range(steps):
        starts = torch.randint(codes.shape[1] - 64, (16,), generator=generator).tolist()
        batch = torch.stack([codes[:, start : start + 64] for start in starts])
        loss = sum(
            (
                F.cross_entropy(logits.flatten(0, 1), level.flatten())
                for logits, level in zip(model(batch), batch.unbind(1))
            ),
            torch.zeros(()),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
