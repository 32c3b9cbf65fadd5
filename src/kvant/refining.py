"""Codes refined through the decoder: latents move until what their codes decode to is nearer to the recording.

An encoder maps each frame to latents once and for all, and a quantizer takes the nearest vectors, as if every error of
latents were heard alike. Here the latents z of a piece of signal follow the gradient of a loss of signals L,

    z <- z - a Adam(dL / dz),    L = L(decoder(z + sg(Q(z) - z)), wav),

straight through the quantizer Q, and the codes of the least loss on the way are kept. Only the choice of codes is
another: formats and decoders know nothing of it. After Campos et al. (2019) and Yang et al. (2020), who refine images.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kvant.bitstream import ABSENT
from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.errors import UsageError
from kvant.losses import DisturbanceLoss, LogMagnitudeLoss, LoudnessLoss
from kvant.protocols import LevelledQuantizer
from kvant.runtime.search import Search
from kvant.streaming import Causal
from kvant.torch_codec.threads import torch_threads

LOUDNESS, DISTURBANCE, LOG_MAGNITUDE = 30.0, 4.0, 4.0
"""Weights of the losses; those of waveforms and mels made codes no better."""
PIECE_SECONDS = 4.0
CONTEXT = 4096
"""Samples before a piece that the windows of losses reach into."""
RATE, BETAS = 0.12, (0.5, 0.99)
"""First step in units of the quantization error of a piece, falling to 0; and Adam's decays."""


class Refiner:
    """Wav blocks [C, T, hop] in, codes int64 [C, K, T] out, as a stream's feed: in pieces of four seconds.

    search: how many levels, of how wide a beam, and in how many steps. Its limit is of the squared error of the
    encoder's latents, and gives each frame its depth, with ABSENT codes behind; None: all levels. threads: of torch.

    UsageError: a codec that looks ahead, or whose quantizer has no levels.
    """

    def __init__(self, codec: Codec, channels: int, search: Search, threads: int = 1) -> None:
        if not (isinstance(codec.encoder, Causal) and isinstance(codec.quantizer, LevelledQuantizer)):
            raise UsageError("only codes of causal codecs with residual codebooks can be refined; leave --refine out")
        quantizer = DepthQuantizer(codec, search)
        self._channels = [Descent(codec, quantizer, search.refine) for _ in range(channels)]
        self._threads = threads
        self._piece = round(PIECE_SECONDS * codec.frame_rate)
        self._waiting = np.zeros((channels, 0, codec.hop_length), np.float32)

    def push(self, block: np.ndarray) -> list[np.ndarray]:
        """Codes of the pieces that are whole now."""
        heard = np.concatenate([self._waiting, block], axis=1)
        whole = heard.shape[1] // self._piece * self._piece
        self._waiting = heard[:, whole:]
        return [self._refined(heard[:, start : start + self._piece]) for start in range(0, whole, self._piece)]

    def flush(self) -> list[np.ndarray]:
        """The remaining codes; the feed is then as new."""
        rest = [self._refined(self._waiting)] if self._waiting.shape[1] else []
        self._waiting = self._waiting[:, :0]
        for channel in self._channels:
            channel.restart()
        return rest

    def _refined(self, piece: np.ndarray) -> np.ndarray:
        with torch_threads(self._threads):
            return np.stack([descent(wav) for descent, wav in zip(self._channels, piece)])


class DepthQuantizer:
    """Latents [1, D, T] to codes int64 [1, K, T] and their vectors [1, D, T], each frame at its own depth."""

    def __init__(self, codec: Codec, search: Search) -> None:
        self.num_codebooks = search.num_codebooks or codec.num_codebooks
        self._codec, self._beam, self._limit = codec, search.beam, search.limit

    @torch.no_grad()
    def depths(self, latents: Tensor) -> Tensor:
        """int64 [T]: the fewest levels that bring a frame's squared error below the limit, or all."""
        depths = torch.full(latents.shape[2:], self.num_codebooks)
        if self._limit is None:
            return depths
        for depth in reversed(range(1, self.num_codebooks)):
            vectors = self._codec.quantizer.decode(self._codec.quantize(latents, depth, self._beam))
            depths[(latents - vectors).square().sum(1)[0] < self._limit] = depth
        return depths

    @torch.no_grad()
    def __call__(self, latents: Tensor, depths: Tensor) -> tuple[Tensor, Tensor]:
        codes = torch.full((1, self.num_codebooks, len(depths)), ABSENT)
        for depth in depths.unique().tolist():
            chosen = depths == depth
            codes[:, :depth, chosen] = self._codec.quantize(latents[..., chosen], depth, self._beam)
        return codes, self._codec.quantizer.decode(codes)


class Descent:
    """A channel, piece after piece: the encoder, the decoder and the windows of the losses go on where they were.

    So where the blocks of a stream end changes nothing. The last frames of a piece know nothing of the next one.
    """

    def __init__(self, codec: Codec, quantizer: DepthQuantizer, steps: int) -> None:
        self._codec = codec.requires_grad_(False)
        self._decoder = codec.decoder_at(quantizer.num_codebooks)
        self._quantizer = quantizer
        self._steps = steps
        self._losses = (
            (LOUDNESS, LoudnessLoss(codec.sample_rate)),
            (DISTURBANCE, DisturbanceLoss(codec.sample_rate)),
            (LOG_MAGNITUDE, LogMagnitudeLoss()),
        )
        self.restart()

    def restart(self) -> None:
        """The state before the first frame."""
        self._encoder_state = self._codec.encoder.initial_state(1)
        self._decoder_state = self._codec.decoder.initial_state(1)
        self._late = torch.zeros(1, 1, self._codec.pre_skip)
        self._before = torch.zeros(1, 1, CONTEXT), torch.zeros(1, 1, CONTEXT)

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Codes int64 [K, T] of wav [T, hop]."""
        wav = torch.from_numpy(piece).reshape(1, 1, -1).clamp(-1, 1)
        with torch.no_grad():
            latents, self._encoder_state = self._codec.encoder.step(wav, self._encoder_state)
        delayed = torch.cat([self._late, wav], dim=-1)
        reference, self._late = delayed.split([wav.shape[-1], self._late.shape[-1]], dim=-1)
        with torch.enable_grad():
            codes = self._descend(latents, reference)
        with torch.no_grad():
            decoded, self._decoder_state = self._decoder.step(self._codec.quantizer.decode(codes), self._decoder_state)
        joined = (torch.cat(pair, dim=-1) for pair in zip(self._before, (decoded, reference)))
        estimate, recording = (wav[..., -CONTEXT:].clone() for wav in joined)
        self._before = estimate, recording
        return codes[0].numpy()

    def _descend(self, latents: Tensor, reference: Tensor) -> Tensor:
        """The codes of least loss on the way down from `latents` [1, D, T], their own among them."""
        depths = self._quantizer.depths(latents)
        z = latents.clone().requires_grad_(True)
        error = (latents - self._quantizer(latents, depths)[1]).square().mean().sqrt()
        optimizer = torch.optim.Adam([z], lr=RATE * float(error), betas=BETAS)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, self._steps + 1)
        least, best = float("inf"), torch.zeros(0)
        for step in range(self._steps + 1):
            codes, vectors = self._quantizer(z.detach(), depths)
            loss = self._loss(z + (vectors - z).detach(), reference)
            if loss.item() < least:
                least, best = loss.item(), codes
            if step < self._steps:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        return best

    def _loss(self, latents: Tensor, reference: Tensor) -> Tensor:
        """Of what latents [1, D, T] decode to, behind what came before."""
        wav, _ = self._decoder.step(latents, self._decoder_state)
        pair = [torch.cat([before, now], dim=-1) for before, now in zip(self._before, (wav, reference))]
        return sum((weight * loss(*pair) for weight, loss in self._losses), wav.new_zeros(()))


def refiner(weights: Path, channels: int, search: Search, threads: int) -> Refiner:
    """For the codec of a model file."""
    return Refiner(load_codec(weights), channels, search, threads)
