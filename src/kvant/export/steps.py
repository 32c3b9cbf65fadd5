"""What is traced: the halves of a codec as functions of flat tensors, with the quantizer's part of the work.

A half that streams is a step: its state goes in and comes out. One that looks ahead is a piece of a signal, and is told
where that begins.
"""

import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.codecs.completing import CompletingCodec
from kvant.protocols import Quantizer
from kvant.quantizers import ResidualQuantizer
from kvant.streaming import Causal, LookAhead, at_depth, flatten_state, unflatten_state

FRAMES = 3
"""Length that is traced. Any other will do, but tracing takes a length of 1 for a constant."""


class Half(nn.Module):
    """forward(block, *state) of one half of a codec.

    inputs, outputs: names. block, state: an example of what goes in. free: axes of the block that may have any size.
    """

    inputs: list[str]
    outputs: list[str]
    block: Tensor
    state: list[Tensor]
    free: tuple[int, ...]

    def declare(self, part: Causal | LookAhead, block: str, outputs: list[str]) -> None:
        """Name what goes in and out of a half around `part`."""
        if isinstance(part, LookAhead):
            self.state, states, following = [torch.zeros(2, dtype=torch.int64)], ["start"], []
        else:
            self.state = flatten_state(part.initial_state(2))
            states = [f"state_{index}" for index in range(len(self.state))]
            following = [f"{name}_next" for name in states]
        self.inputs, self.outputs = [block, *states], [*outputs, *following]


class EncoderHalf(Half):
    """wav [B, T, hop] -> codes [B, K, T], and latents if searching for their sums is worth while.

    Of a codec whose encoder completes the last hop by itself, wav is [B, n, 1].
    """

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.encoder, self.quantizer, self.hop_length = codec.encoder, codec.quantizer, codec.hop_length
        self.given = ["codes", "latents"] if adds_up(codec.quantizer) else ["codes"]
        self.declare(codec.encoder, "wav", self.given)
        completes = isinstance(codec, CompletingCodec)
        hops = (FRAMES * codec.hop_length, 1) if completes else (FRAMES, codec.hop_length)
        self.block, self.free = torch.zeros(2, *hops), (0, 1)

    def forward(self, wav: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        samples, following = wav.clamp(-1, 1).reshape(wav.shape[0], 1, -1), []
        if isinstance(self.encoder, LookAhead):
            latents = self.encoder.piece(samples, state[0][:, None] * self.hop_length)
        else:
            nested = unflatten_state(list(state), self.encoder.initial_state(1))
            latents, nested = self.encoder.step(samples, nested)
            following = flatten_state(nested)
        blocks = (self.quantizer.encode(latents), latents)
        return *blocks[: len(self.given)], *following


class DecoderHalf(Half):
    """codes [B, k, T] -> wav [B, T, hop]."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.decoder, self.quantizer, self.hop_length = codec.decoder, codec.quantizer, codec.hop_length
        self.declare(codec.decoder, "codes", ["wav"])
        depth = min(codec.num_codebooks, max(2, codec.num_codebooks - 1))
        self.block = torch.zeros(2, depth, FRAMES, dtype=torch.int64)
        self.free = (0, 1, 2) if codec.num_codebooks > 1 else (0, 2)

    def forward(self, codes: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        latents, following = self.quantizer.decode(codes), []
        decoder = at_depth(self.decoder, codes.shape[1])
        if isinstance(decoder, LookAhead):
            span = int(self.hop_length * decoder.receptive_field.stride)
            wav = decoder.piece(latents, state[0][:, None] * span)
        else:
            nested = unflatten_state(list(state), decoder.initial_state(1))
            wav, nested = decoder.step(latents, nested)
            following = flatten_state(nested)
        return wav.reshape(wav.shape[0], -1, self.hop_length), *following


def adds_up(quantizer: Quantizer) -> bool:
    """Whether decoding is the sum of one vector of each codebook, as the model file keeps them."""
    return isinstance(quantizer, ResidualQuantizer) and all(book.vectors is book.weight for book in quantizer.codebooks)
