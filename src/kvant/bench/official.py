"""The official packages' codecs with random weights, each behind the same two verbs."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from kvant.bench.unused import unused_packages
from kvant.errors import UsageError
from kvant.importing.published import PUBLISHED


class Verbs(NamedTuple):
    """model: whose state is what `kvant import` takes. encode: wav [B, 1, N] -> codes. decode: those codes -> wav.

    listed: codes of `encode` as a list of [B, n] or [B, K, T], from the coarsest on, for comparison.
    """

    model: nn.Module
    encode: Callable[[Tensor], Any]
    decode: Callable[[Any], Tensor]
    listed: Callable[[Any], list[Tensor]]


@dataclass(frozen=True)
class Official:
    """install: what pip has to be told. module: to import. make: its codec. num_codebooks: as many as are coded."""

    install: str
    module: str
    make: Callable[[Any, str], Verbs]
    num_codebooks: int | None = None

    @property
    def installed(self) -> bool:
        """Whether the package is there."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None

    def verbs(self, name: str) -> Verbs:
        """The codec `name` with random weights, in evaluation. UsageError: the package is not installed."""
        try:
            with unused_packages():
                module = importlib.import_module(self.module)
        except ImportError as error:
            raise UsageError(f"{name} beside its own package needs pip install {self.install} ({error})") from error
        torch.manual_seed(0)
        with torch.no_grad():
            return self.make(module, name)


def waken(model: nn.Module, gain: float = 1) -> None:
    """Random weights under which no part is idle: convolutions louder by `gain`, frequencies of Snakes around 1.

    Torch's start divides the level by 1.7 in every layer; where nothing lifts it again, biases are all that is left.
    """
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if name.endswith(("weight_g", "original0")) or (parameter.dim() == 3 and name.endswith("conv.weight")):
            parameter.mul_(gain)
        elif name.endswith("alpha"):
            parameter.uniform_(0.5, 2, generator=generator)
    model.eval()


def noise(count: int) -> Tensor:
    """wav [4, 1, count]."""
    return 0.1 * torch.randn(4, 1, count)


def place(vectors: Tensor, latents: Tensor) -> Tensor:
    """What a level leaves of latents [n, D], whose vectors [V, D], written here, are some of them and noise."""
    chosen = latents[torch.randint(len(latents), (len(vectors),))]
    vectors.copy_(0.5 * chosen + 0.1 * latents.std() * torch.randn_like(chosen))
    return latents - vectors[torch.cdist(latents, vectors).argmin(1)]


def encodec(module: Any, name: str) -> Verbs:
    """EnCodec 24 kHz at 6 kbit/s."""
    model = module.EncodecModel.encodec_model_24khz(pretrained=False)
    model.set_target_bandwidth(6.0)
    waken(model, gain=3**0.5)
    latents = model.encoder(noise(model.sample_rate)).transpose(1, 2).flatten(0, 1)
    for level in model.quantizer.vq.layers:
        latents = place(level._codebook.embed, latents)
    return Verbs(model, model.encode, model.decode, lambda frames: [frames[0][0]])


def dac(module: Any, name: str) -> Verbs:
    """DAC with all its levels."""
    config = PUBLISHED[name].config
    model = module.DAC(
        encoder_rates=list(config.strides),
        decoder_rates=list(config.strides[::-1]),
        latent_dim=config.latent_dim,
        n_codebooks=config.num_codebooks,
        sample_rate=config.sample_rate,
    )
    waken(model)

    def encode(wav: Tensor) -> Tensor:
        return model.encode(model.preprocess(wav, config.sample_rate))[1]

    def decode(codes: Tensor) -> Tensor:
        return model.decode(model.quantizer.from_codes(codes)[0])

    return Verbs(model, encode, decode, lambda codes: [codes])


def snac(module: Any, name: str) -> Verbs:
    """SNAC; its codes are a sequence for each scale. Its noise, drawn anew each time, is added with weight 0."""
    config = PUBLISHED[name].config
    model = module.SNAC(
        sampling_rate=config.sample_rate,
        encoder_dim=config.encoder_channels,
        encoder_rates=list(config.strides),
        decoder_dim=config.decoder_channels,
        decoder_rates=list(config.strides[::-1]),
        attn_window_size=None,
        codebook_size=config.codebook_size,
        codebook_dim=config.codebook_dim,
        vq_strides=list(config.code_strides),
    )
    waken(model)
    for key, parameter in model.named_parameters():
        if key.endswith("linear.parametrizations.weight.original0"):
            parameter.zero_()
    return Verbs(model, model.encode, model.decode, lambda scales: scales)


def mimi(module: Any, name: str) -> Verbs:
    """Mimi with 8 levels, 1.1 kbit/s, whole: its package streams too, far below real time."""
    model = module.get_mimi(None, device="cpu", num_codebooks=8)
    waken(model, gain=3**0.5)
    latents = model._encode_to_unquantized_latent(noise(model.sample_rate))
    for half in (model.quantizer.rvq_first, model.quantizer.rvq_rest):
        residual = half.input_proj(latents).transpose(1, 2).flatten(0, 1)
        for level in half.vq.layers:
            level._codebook.cluster_usage.fill_(1)
            residual = place(level._codebook.embedding_sum, residual)
    return Verbs(model, model.encode, model.decode, lambda codes: [codes])


OFFICIAL: dict[str, Official] = {
    "encodec-24khz": Official("encodec", "encodec", encodec, num_codebooks=8),
    "dac-44khz": Official("descript-audio-codec", "dac", dac),
    "dac-24khz": Official("descript-audio-codec", "dac", dac),
    "dac-16khz": Official("descript-audio-codec", "dac", dac),
    "snac-24khz": Official("snac", "snac", snac),
    "mimi-24khz": Official("moshi", "moshi.models.loaders", mimi, num_codebooks=8),
}
"""Codecs with a package of their own, by the name they are imported under."""
