"""Codecs with nothing at zero: parts that start silent would make half of what is under test invisible."""

import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.protocols import Codebook
from tests.speech import speech


@torch.no_grad()
def wake(module: nn.Module, seed: int = 0) -> None:
    """Draw the parameters that start at zero (last layers of residual networks, biases) from a normal of std 0.02."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if not parameter.any():
            parameter.normal_(0, 0.02, generator=generator)


def scatter(codebook: Codebook, latents: Tensor) -> None:
    """A remedy for tests: vectors where latents [n, d] are, but too short, so that no level is the last to matter."""
    generator = torch.Generator().manual_seed(0)
    rows = latents[torch.randint(len(latents), (codebook.size,), generator=generator)]
    jitter = torch.randn(rows.shape, generator=generator) * latents.std()
    codebook.replace(torch.ones(codebook.size, dtype=torch.bool), 0.6 * rows + 0.05 * jitter)


def wake_codec(codec: Codec, seconds: float = 16.0) -> Codec:
    """Wake the networks, then put the codebooks where the latents are."""
    wake(codec)
    parts = [part for part in codec.quantizer.modules() if hasattr(part, "remedies")]
    remedies = [part.remedies for part in parts]
    for part in parts:
        part.remedies = (scatter,)
    with torch.no_grad():
        codec.train().quantizer(codec.encoder(codec.pad(speech(seconds / 8, batch=8, seed=17))))
    for part, own in zip(parts, remedies, strict=True):
        part.remedies = own
    return codec.eval()
