"""What a known codec is, computed from its config: size, rates, what it costs, how far it hears. Nothing is typed."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, isinf
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from kvant.bitstream.packing import code_width
from kvant.codec import Codec
from kvant.quantizers import TrackedCodebook
from kvant.streaming import LookAhead, at_depth

COUNTED_SECONDS = 1


@dataclass(frozen=True)
class Facts:
    """channels: of the wav. bitrate: of all codebooks in whole bits, bit/s. parameters: learned ones, codebooks too.

    encode_flops, decode_flops: floating point operations per second of audio, two a multiply-add, of convolutions and
    matrix products over COUNTED_SECONDS. latency: in seconds, as `Codec.latency`; math.inf if the whole signal is
    heard, a segment if signals are coded in segments. streams: exactly, step by step.
    """

    sample_rate: int
    channels: int
    frame_rate: float
    codebook_sizes: tuple[int, ...]
    bitrate: float
    parameters: int
    encode_flops: float
    decode_flops: float
    latency: float
    streams: bool


def facts(build: Any, config: Any) -> Facts:
    """Of the codec build(config). Its operations are counted as it codes COUNTED_SECONDS, or a segment."""
    codec = build(config).eval()
    channels = 1 if isinstance(codec, Codec) else 2
    frames = ceil(COUNTED_SECONDS * codec.sample_rate / codec.hop_length)
    wav = 0.1 * torch.randn(1, channels, frames * codec.hop_length)
    # With gradient, since without it some layers take short cuts that count otherwise.
    with torch.enable_grad(), unfused():
        codes, encoding = _counted(_encode, codec, wav)
        _, decoding = _counted(_decode, codec, codes)
    seconds = wav.shape[-1] / codec.sample_rate
    sizes = tuple(codec.quantizer.codebook_sizes)
    return Facts(
        sample_rate=codec.sample_rate,
        channels=channels,
        frame_rate=codec.frame_rate,
        codebook_sizes=sizes,
        bitrate=codec.frame_rate * sum(map(code_width, sizes)),
        parameters=sum(tensor.numel() for tensor in learned(codec)),
        encode_flops=encoding / seconds,
        decode_flops=decoding / seconds,
        latency=codec.latency / codec.sample_rate,
        streams=not isinstance(codec.encoder, LookAhead) and not isinstance(codec.decoder, LookAhead),
    )


@contextmanager
def unfused() -> Iterator[None]:
    """Without oneDNN, which computes recurrences in one piece, of which torch's counter knows nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the switch has something to say of Intel's GPUs
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def learned(codec: nn.Module) -> list[Tensor]:
    """Parameters, and codebooks that are means of latents."""
    means = [module.weight for module in codec.modules() if isinstance(module, TrackedCodebook)]
    return list({id(tensor): tensor for tensor in [*codec.parameters(), *means]}.values())


def _encode(codec: Any, wav: Tensor) -> Tensor:
    return codec.quantizer.encode(codec.encoder(wav))


def _decode(codec: Any, codes: Tensor) -> Tensor:
    return at_depth(codec.decoder, codes.shape[1])(codec.quantizer.decode(codes))


def _counted(function: Any, codec: Any, block: Tensor) -> tuple[Tensor, int]:
    """(what it gives, its operations)."""
    with FlopCounterMode(display=False) as counter:
        given = function(codec, block)
    return given, counter.get_total_flops()


HEAD = (
    "| codec | kHz | frames/s | codes a frame | kbit/s | parameters, M | GFLOP/s to encode | to decode | latency, ms "
    "| streams |"
)


def row(name: str, found: Facts) -> str:
    """A line of the Markdown table under HEAD."""
    sizes = found.codebook_sizes
    runs = [(size, sizes.count(size)) for size in dict.fromkeys(sizes)]
    codes = " + ".join(f"{count} of {size}" for size, count in runs)
    rate = f"{found.sample_rate / 1000:g}" + (" stereo" if found.channels == 2 else "")
    latency = "whole signal" if isinf(found.latency) else f"{1000 * found.latency:.1f}"
    costs = f"{found.encode_flops / 1e9:.2f} | {found.decode_flops / 1e9:.2f}"
    return (
        f"| {name} | {rate} | {found.frame_rate:.4g} | {codes} | {found.bitrate / 1000:.2f} "
        f"| {found.parameters / 1e6:.1f} | {costs} | {latency} | {'yes' if found.streams else 'no'} |"
    )
