"""One step of training, with an adversary or without."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from kvant.data import Batch
from kvant.training.adversary import Adversary
from kvant.training.config import Phase
from kvant.training.objective import Objective


@dataclass(frozen=True)
class GanStep:
    """Codec and adversary learn from the same reconstruction; each is clipped on its own, and moves after both.

    codec and discriminator: as prepared by `accelerator`, which spreads and scales them. Without an `adversary` the
    codec is alone. The phase says how often the discriminator learns and how many parts a batch is taken in.
    """

    accelerator: Accelerator
    phase: Phase
    objective: Objective
    codec: nn.Module
    optimizer: Optimizer
    adversary: Adversary | None = None
    discriminator: nn.Module | None = None
    discriminator_optimizer: Optimizer | None = None

    def __call__(self, step: int, batch: Batch, depths: Tensor) -> dict[str, Tensor]:
        """Losses, unweighted and without graph, and the gradient norms; step counts from the start of the phase."""
        parts = self.phase.accumulate
        logged: dict[str, Tensor] = {}
        judging = self.phase.adversary is not None and step % self.phase.adversary.every == 0
        for wav, bandwidth, levels in zip(batch.wav.chunk(parts), batch.bandwidth.chunk(parts), depths.chunk(parts)):
            part = Batch(wav, bandwidth)
            reconstruction = self.codec(wav, levels)
            heard = self.objective.compared(reconstruction.wav, part)
            losses = self.objective.of_signals(*heard) | reconstruction.quantized.losses
            if self.adversary is not None and self.discriminator is not None:
                if judging:
                    losses_of_judge = self.discriminator(heard.estimate.detach(), heard.reference)
                    self.accelerator.backward(losses_of_judge / parts)
                    logged["discriminator"] = logged.get("discriminator", 0) + losses_of_judge.detach() / parts
                losses |= self.adversary.persuade(*heard)
            self.accelerator.backward(sum(self.objective.weighted(losses).values()) / parts)
            for name, loss in losses.items():
                logged[name] = logged.get(name, 0) + loss.detach() / parts
        logged["gradient_norm"] = self.move(self.codec, self.optimizer)
        if judging and self.discriminator is not None and self.discriminator_optimizer is not None:
            logged["discriminator_norm"] = self.move(self.discriminator, self.discriminator_optimizer)
        return logged

    def move(self, network: nn.Module, optimizer: Optimizer) -> Tensor:
        """Clip, step, forget the gradient; its norm before clipping."""
        norm = self.accelerator.clip_grad_norm_(network.parameters(), self.phase.optim.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
        return torch.as_tensor(norm).detach()
