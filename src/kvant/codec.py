"""A codec is an encoder, a quantizer and a decoder; here a wav becomes codes and comes back, whole or step by step."""

from fractions import Fraction
from math import ceil, floor, inf, isinf
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.errors import UsageError
from kvant.protocols import LevelledQuantizer, Quantized, Quantizer, State
from kvant.quantizers.beam import check_beam
from kvant.quantizers.depth import check_depths, levels_of
from kvant.quantizers.slots import check_codes
from kvant.streaming import Causal, LookAhead, at_depth, stepwise


class Reconstruction(NamedTuple):
    """wav: [B, C, N], the estimate. quantized: what the quantizer made on the way, with its losses."""

    wav: Tensor
    quantized: Quantized


class Codec(nn.Module):
    """wav [B, 1, N] -> codes [B, K, T] -> wav [B, 1, N].

    `pre_skip` is the delay of decoder output behind encoder input, in samples: what decoding drops from the start, and
    what encoding appends in silence to the end so that the last sample gets out. So N samples make
    T = ceil((N + pre_skip) / hop_length) frames, and none make none. This is the only place that knows.

    A codec streams if its encoder and decoder are Causal. One that looks ahead codes whole signals, or in chunks, and
    refuses steps.
    """

    def __init__(
        self,
        encoder: Causal | LookAhead,
        quantizer: Quantizer,
        decoder: Causal | LookAhead,
        sample_rate: int,
        hop_length: int,
        pre_skip: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.sample_rate = sample_rate
        self.hop_length = hop_length
        self.pre_skip = pre_skip

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def latency(self) -> float:
        """Algorithmic latency in samples: output n is decided by input up to n + latency - 1, for some n by that one.

        Of a causal codec hop_length + pre_skip: a hop must be full before it can be coded, and is heard `pre_skip`
        later. Looking ahead adds what the receptive fields reach beyond; math.inf if there is no end to it. Windows,
        as of SNAC's attention, end together, and reach no further than that.
        """
        ahead: Fraction | float = Fraction(self.hop_length - 1)
        if isinstance(self.encoder, LookAhead):
            field = self.encoder.receptive_field
            ahead = field.right + self.hop_length - field.stride
        if isinstance(self.decoder, LookAhead):
            field = self.decoder.receptive_field
            ahead += field.right / field.stride
        return inf if isinf(ahead) else floor(ahead) + 1 + self.pre_skip

    @property
    def num_codebooks(self) -> int:
        """K, the number of levels."""
        return len(self.quantizer.codebook_sizes)

    def num_frames(self, num_samples: int) -> int:
        """Frames that carry `num_samples` samples."""
        return ceil((num_samples + self.pre_skip) / self.hop_length) if num_samples else 0

    def pad(self, wav: Tensor) -> Tensor:
        """wav clipped to [-1, 1] and continued in silence to whole frames."""
        return F.pad(wav.clamp(-1, 1), (0, self.num_frames(wav.shape[-1]) * self.hop_length - wav.shape[-1]))

    def trim(self, wav: Tensor, num_samples: int) -> Tensor:
        """Decoder output without the delay: samples pre_skip .. pre_skip + num_samples."""
        return wav[..., self.pre_skip : self.pre_skip + num_samples]

    def forward(self, wav: Tensor, num_codebooks: int | Tensor | None = None) -> Reconstruction:
        """Through the codec with gradient, as in training. Under autocast the quantizer still computes in float32.

        Nearest neighbours and what levels leave are differences of nearly equal numbers. UsageError: wav is not
        [B, 1, N] of at least a sample; a depth that the quantizer has not.
        """
        check_wav(wav, 1)
        check_depths(num_codebooks, len(wav), self.num_codebooks)
        if wav.shape[-1] == 0:
            raise UsageError("no samples: there is nothing to learn from")
        latents = self.encoder(self.pad(wav))
        with torch.autocast(latents.device.type, enabled=False):
            quantized = self.quantizer(latents.float(), num_codebooks)
        decoder = self.decoder_at(self.num_codebooks if num_codebooks is None else num_codebooks)
        return Reconstruction(self.trim(decoder(quantized.latents), wav.shape[-1]), quantized)

    @torch.inference_mode()
    def encode(self, wav: Tensor, num_codebooks: int | None = None, beam: int = 1, chunk: int | None = None) -> Tensor:
        """Codes int64 [B, K, T] of wav [B, 1, N]. In a batch, the first num_frames(n) of a shorter item are its own.

        beam: 1 is greedy, level by level; a wider one chooses the levels together, for the `num_codebooks` asked for
        (a prefix of them decodes as ever, and is worse than codes searched for that many). chunk: frames to encode at
        a time, for less memory and the same codes. UsageError: wav is not [B, 1, N]; a depth that the quantizer has
        not, or no levels to choose together; a beam or a chunk below 1.
        """
        check_wav(wav, 1)
        check_chunk(chunk)
        levels = levels_of(num_codebooks, self.num_codebooks)
        if beam != 1:
            self._levelled(beam)
        if wav.shape[-1] == 0:
            return torch.zeros(len(wav), levels, 0, dtype=torch.int64, device=wav.device)
        return self.quantize(self._run(self.encoder, self.pad(wav), self.hop_length, chunk), num_codebooks, beam)

    @torch.inference_mode()
    def decode(self, codes: Tensor, num_samples: int | None = None, chunk: int | None = None) -> Tensor:
        """wav [B, 1, N] of codes [B, k, T]; N is `num_samples`, or all that the frames hold. chunk: as in `encode`.

        UsageError: codes that the quantizer has not, fewer than 0 samples, a chunk below 1.
        """
        check_codes(codes, self.quantizer.codebook_sizes)
        check_chunk(chunk)
        if num_samples is not None and num_samples < 0:
            raise UsageError(f"num_samples={num_samples}: must be 0 or more")
        if codes.shape[-1] == 0:
            return torch.zeros(len(codes), 1, 0, device=codes.device)
        longest = max(codes.shape[-1] * self.hop_length - self.pre_skip, 0)
        latents = self.quantizer.decode(codes)
        wav = self._run(self.decoder_at(codes.shape[1]), latents, latents.shape[-1] // codes.shape[-1], chunk)
        return self.trim(wav, longest if num_samples is None else num_samples)

    @torch.inference_mode()
    def encode_step(
        self, wav: Tensor, state: State, num_codebooks: int | None = None, beam: int = 1
    ) -> tuple[Tensor, State]:
        """Codes of the next whole hops wav [B, 1, n * hop]; start from `encoder.initial_state(B)`. beam: see `encode`.

        A beam looks further down the levels, never at later frames: it adds no latency.
        """
        check_wav(wav, 1)
        latents, state = self.encoder.step(wav.clamp(-1, 1), state)
        return self.quantize(latents, num_codebooks, beam), state

    @torch.inference_mode()
    def decode_step(self, codes: Tensor, state: State) -> tuple[Tensor, State]:
        """wav [B, 1, n * hop] of the next codes, `pre_skip` samples late; start from `decoder.initial_state(B)`."""
        check_codes(codes, self.quantizer.codebook_sizes)
        return self.decoder_at(codes.shape[1]).step(self.quantizer.decode(codes), state)

    def decoder_at(self, depth: int | Tensor) -> Causal | LookAhead:
        """The decoder for latents of so many levels, or of int64 [B], each item's."""
        return at_depth(self.decoder, depth)

    def _run(self, part: Causal | LookAhead, x: Tensor, frame: int, chunk: int | None) -> Tensor:
        """part(x) of x [B, C, T * frame], all at once or `chunk` frames at a time."""
        if chunk is None:
            return part(x)
        if isinstance(part, LookAhead):
            return part.in_chunks(x, chunk * frame // part.receptive_field.stride.numerator)
        blocks = x.split(chunk * frame, dim=-1)
        return stepwise(part, x, [block.shape[-1] for block in blocks])

    def quantize(self, latents: Tensor, num_codebooks: int | None, beam: int) -> Tensor:
        """Codes [B, K, T] of latents [B, D, T]."""
        if beam == 1:
            return self.quantizer.encode(latents, num_codebooks)
        return self._levelled(beam).search(latents, num_codebooks, beam)

    def _levelled(self, beam: int) -> LevelledQuantizer:
        """The quantizer, for a beam that is not 1. UsageError: a beam below, or a quantizer without levels."""
        check_beam(beam)
        if not isinstance(self.quantizer, LevelledQuantizer):
            raise UsageError(f"beam {beam}: {type(self.quantizer).__name__} has no levels to search; leave it at 1")
        return self.quantizer


def check_wav(wav: Tensor, channels: int) -> None:
    """UsageError: wav is not [B, channels, N]."""
    if wav.dim() != 3 or wav.shape[1] != channels:
        items = "; code every channel as an item of its own" if channels == 1 else ""
        raise UsageError(f"wav of shape {list(wav.shape)}: must be [B, {channels}, N]{items}")


def check_chunk(chunk: int | None) -> None:
    """UsageError: no frame at a time."""
    if chunk is not None and chunk < 1:
        raise UsageError(f"chunk {chunk}: at least 1 frame at a time")
