"""Where gradient goes: through the quantizer, into each part, and from each loss."""

from collections.abc import Callable

import torch
from torch import Tensor

from kvant.codec import Codec, Reconstruction
from kvant.data import Batch

Losses = Callable[[Reconstruction, Batch], dict[str, Tensor]]
"""What training minimises, as *weighted* scalars by name, with their graph."""


def waveform_distance(reconstruction: Reconstruction, batch: Batch) -> dict[str, Tensor]:
    """The plainest loss, for a codec whose training is not at hand: mean squared error of the wav."""
    return {"squared_error": (reconstruction.wav - batch.wav).square().mean()}


def gradient_measures(codec: Codec, batch: Batch, losses: Losses) -> tuple[dict[str, float], Reconstruction, Tensor]:
    """Measures, the reconstruction and the latents [B, D, T] of one pass over batch at full depth.

    `loss/NAME`: weighted. `pull/NAME`: norm of its gradient at the output wav. `pull_latents/NAME`: at the latents, of
    losses that do not see the wav (commitment). `reach`: norm of the wav losses' gradient at the latents over that at
    the quantized latents: 1 with a straight-through copy, near 1 with other estimators, 0 if the copy is missing.
    `gradient/PART`: norm of the whole gradient in encoder, quantizer, decoder, before any clipping; absent if frozen.
    """
    with torch.enable_grad():
        latents = codec.encoder(codec.pad(batch.wav))
        if not latents.requires_grad:
            latents.requires_grad_()
        quantized = codec.quantizer(latents)
        middle = quantized.latents if quantized.latents.requires_grad else quantized.latents.requires_grad_()
        wav = codec.trim(codec.decoder(middle), batch.wav.shape[-1])
        reconstruction = Reconstruction(wav, quantized)
        terms = losses(reconstruction, batch)
    measures = {f"loss/{name}": float(loss.detach()) for name, loss in terms.items()}
    at_wav = torch.zeros_like(wav)
    for name, loss in terms.items():
        if not loss.requires_grad:
            continue
        (pull,) = torch.autograd.grad(loss, wav, retain_graph=True, allow_unused=True)
        if pull is not None:
            measures[f"pull/{name}"] = float(pull.norm())
            at_wav += pull
        else:
            (pull,) = torch.autograd.grad(loss, latents, retain_graph=True, allow_unused=True)
            measures[f"pull_latents/{name}"] = 0.0 if pull is None else float(pull.norm())
    before, after = torch.autograd.grad(wav, [latents, middle], at_wav, retain_graph=True, allow_unused=True)
    arriving = 0.0 if after is None else float(after.norm())
    if arriving > 0:
        measures["reach"] = (0.0 if before is None else float(before.norm())) / arriving
    return measures | part_norms(codec, sum(terms.values(), wav.new_zeros(()))), reconstruction, latents.detach()


def part_norms(codec: Codec, total: Tensor) -> dict[str, float]:
    """`gradient/PART` of the parts of a codec whose parameters learn by gradient."""
    named = [(name.split(".")[0], weight) for name, weight in codec.named_parameters() if weight.requires_grad]
    if not named or not total.requires_grad:
        return {}
    gradients = torch.autograd.grad(total, [weight for _, weight in named], allow_unused=True)
    squares: dict[str, float] = {}
    for (part, _), gradient in zip(named, gradients):
        squares[part] = squares.get(part, 0.0) + (0.0 if gradient is None else float(gradient.square().sum()))
    return {f"gradient/{part}": square**0.5 for part, square in squares.items()}
