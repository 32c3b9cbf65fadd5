"""Codebooks whose vectors are a function of what is learned, and plain numbers as soon as nothing is."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from kvant.quantizers.codebooks.learned import codebook_loss
from kvant.quantizers.codebooks.tracked import TrackedCodebook


class ParametrizedCodebook(TrackedCodebook, ABC):
    """E = g(parameters). A kind of it defines `express`, which is g, and `place`, which makes g give wanted vectors.

    In training the vectors are computed at every call, with gradient. In evaluation they are the buffer `weight`, baked
    once: no search computes g, no exported graph holds it, and a model file has `weight` alone. Parameters may move
    under a codebook in evaluation (an average of weights, a loaded state), so baking is not a matter of `eval()`: the
    version counters of parameters and buffers tell. Who writes to `.data` goes past them.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__(size, dim)
        self.register_buffer("weight", torch.zeros(size, dim))
        self._baked: tuple[int, ...] = ()
        self.register_state_dict_pre_hook(_bake_stale)

    @abstractmethod
    def express(self) -> Tensor:
        """[V, d]: the vectors, with gradient."""

    @abstractmethod
    def place(self, mask: Tensor, vectors: Tensor) -> None:
        """Change what is learned so that `express` gives vectors [sum(mask), d] where mask [V] is true."""

    @property
    def statistics(self) -> tuple[str, ...]:
        generators = [name for name, _ in (*self.named_parameters(), *self.named_buffers())]
        return tuple(name for name in generators if name != "weight")

    @property
    def vectors(self) -> Tensor:
        """[V, d]: with gradient in training, baked in evaluation."""
        if self.training:
            return self.express()
        if not torch.compiler.is_compiling() and self._versions() != self._baked:
            self.bake()
        return self.weight

    def search(self, latents: Tensor) -> Tensor:
        if not self.training:
            return super().search(latents)
        with torch.no_grad():  # no graph of `express` for what has no gradient
            return super().search(latents)

    @torch.no_grad()
    def bake(self) -> None:
        """Write the vectors into `weight`."""
        self.weight.copy_(self.express())
        self._baked = self._versions()

    def losses(self, latents: Tensor, quantized: Tensor) -> dict[str, Tensor]:
        """`codebook`: mean squared error that moves what the vectors are made of. latents, quantized: [n, d]."""
        return {"codebook": codebook_loss(latents, quantized)}

    @torch.no_grad()
    def replace(self, mask: Tensor, vectors: Tensor, usage: Tensor | float = 1.0) -> None:
        if not mask.all() and self._versions() != self._baked:
            self.bake()
        self.place(mask, self.admit(vectors))
        super().replace(mask, vectors, usage)
        self._baked = self._versions()

    def restore(self) -> None:
        super().restore()
        self._baked = self._versions()

    def _versions(self) -> tuple[int, ...]:
        """What every change in place raises, of all that the vectors depend on, and of `weight`."""
        depends = (t for name, t in (*self.named_parameters(), *self.named_buffers()) if name not in self.running)
        return tuple(tensor._version for tensor in depends)


def _bake_stale(module: nn.Module, *_: Any) -> None:
    """Before the state is saved: `weight` is what the parameters say."""
    assert isinstance(module, ParametrizedCodebook)
    if module._versions() != module._baked:
        module.bake()
