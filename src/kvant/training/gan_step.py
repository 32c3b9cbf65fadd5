"""One step of training, with an adversary or without."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from kvant.data import Batch
from kvant.losses import GradientBalancer
from kvant.training.adversary import Adversary
from kvant.training.config import Phase
from kvant.training.objective import Objective


@dataclass(frozen=True)
class Opponent:
    """An adversary that learns, `every` so many steps. prepared: by accelerate, which spreads it over processes."""

    adversary: Adversary
    prepared: nn.Module
    optimizer: Optimizer
    every: int


@dataclass(frozen=True)
class GanStep:
    """Codec and opponent learn from the same reconstruction; each is clipped on its own, and moves after both.

    codec: as prepared by `accelerator`, which spreads and scales it. Without an `opponent` the codec is alone; with a
    `balancer` the losses at its output have the shares of the gradient that their weights say.
    """

    accelerator: Accelerator
    phase: Phase
    objective: Objective
    codec: nn.Module
    optimizer: Optimizer
    opponent: Opponent | None = None
    balancer: GradientBalancer | None = None

    def __call__(self, step: int, batch: Batch, depths: Tensor) -> dict[str, Tensor]:
        """Losses, unweighted and without graph, and the gradient norms; step counts from the start of the phase."""
        parts, opponent = self.phase.accumulate, self.opponent
        judging = opponent is not None and step % opponent.every == 0
        logged: dict[str, Tensor] = {}
        for wav, bandwidth, levels in zip(batch.wav.chunk(parts), batch.bandwidth.chunk(parts), depths.chunk(parts)):
            part = Batch(wav, bandwidth)
            reconstruction = self.codec(wav, levels)
            heard = self.objective.compared(reconstruction.wav, part)
            losses, judged = self.objective.of_signals(*heard), {}
            if opponent is not None:
                if judging:
                    judged["discriminator"] = opponent.prepared(heard.estimate.detach(), heard.reference)
                    self.accelerator.backward(judged["discriminator"] / parts)
                losses |= opponent.adversary.persuade(*heard)
            self.accelerator.backward(self.objective.minimised(reconstruction, losses, self.balancer) / parts)
            for name, loss in (losses | reconstruction.quantized.losses | judged).items():
                logged[name] = logged.get(name, 0) + loss.detach() / parts
        logged["gradient_norm"] = self.move(self.codec, self.optimizer)
        if judging and opponent is not None:
            logged["discriminator_norm"] = self.move(opponent.prepared, opponent.optimizer)
        return logged

    def move(self, network: nn.Module, optimizer: Optimizer) -> Tensor:
        """Clip, step, forget the gradient; its norm before clipping."""
        norm = self.accelerator.clip_grad_norm_(network.parameters(), self.phase.optim.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
        return torch.as_tensor(norm).detach()
