"""What a depth for each frame is worth: constant error against constant depth at equal bitrates, on held-out clips.

    python recipes/constant_error.py corpus/voices-24k

Levels beyond the shipped model's are fitted by Lloyd's algorithm to what its own leave. Then each frame gets as many
levels as bring its squared error below one limit for all, and the limit is moved until the bitrate is the one asked
for. Bitrates count the depths, at their entropy given the depth of the frame before. Needs pip install 'kvant[eval]'.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.data import Segments
from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.metrics.choice import METRICS
from kvant.evaluation.scoring import score
from kvant.quantizers import EMACodebook, ResidualQuantizer
from kvant.quantizers.gradients import straight_through
from kvant.runtime.models import DEFAULT, WEIGHTS, find
from kvant.training.closed_form import solve_codebooks

EXTRA, CLIPS, BATCHES = 2, 16, 60
Depths = Callable[[Tensor], Tensor]
"""Squared errors [K, T] after each level -> levels of each frame, int64 [T]."""


def deepened(codec: Codec, corpus: Path) -> ResidualQuantizer:
    """The codec's levels as they are, and EXTRA more."""
    own = codec.quantizer
    assert isinstance(own, ResidualQuantizer)
    segments = Segments(corpus / "train", codec.sample_rate, 4.0, seed=5)
    latents = torch.cat([codec.encoder(codec.pad(segments.batch(k, 10).wav)) for k in range(BATCHES)])
    rows = (latents - own.decode(own.encode(latents))).transpose(1, 2).flatten(0, 1)
    more = ResidualQuantizer([EMACodebook(book.size, book.dim) for book in own.codebooks[:EXTRA]], straight_through)
    solve_codebooks(more, rows, 6, torch.Generator().manual_seed(0))
    return ResidualQuantizer([*own.codebooks, *more.codebooks], straight_through)


def below(limit: float) -> Depths:
    """As many levels as bring the error below `limit`, or all."""
    return lambda errors: torch.where((errors < limit).any(0), (errors < limit).int().argmax(0) + 1, len(errors))


def bitrate(depths: list[Tensor], bits: float, frame_rate: float) -> float:
    """kbit/s of codes of `bits` each, and of the depths at H(d_t | d_{t-1})."""
    before, now = (torch.cat([each[part] for each in depths]) for part in (slice(None, -1), slice(1, None)))
    joint = torch.zeros(64, 64, dtype=torch.float64)
    joint.index_put_((before, now), torch.ones(len(now), dtype=torch.float64), accumulate=True)
    joint /= joint.sum()
    side = torch.special.entr(joint).sum() - torch.special.entr(joint.sum(1)).sum()
    return frame_rate * float(bits * torch.cat(depths).double().mean() + side / np.log(2)) / 1000


@torch.inference_mode()
def main(corpus: Path) -> None:
    """Print a row a bitrate."""
    torch.set_num_threads(1)
    codec = load_codec(find(DEFAULT) / WEIGHTS)
    quantizer = deepened(codec, corpus).eval()
    metrics = [METRICS[name]() for name in ("pesq-wb", "stoi")]
    clips = held_out_clips(corpus / "dev", CLIPS)
    heard = []
    for clip in clips:
        latents = codec.encoder(codec.pad(torch.from_numpy(clip.wav)[None, None]))
        codes = quantizer.encode(latents)
        sums = torch.stack([quantizer.decode(codes[:, : k + 1])[0] for k in range(codes.shape[1])])
        heard.append((sums, (latents - sums).square().sum(1)))
    bits = float(np.log2(quantizer.codebook_sizes[0]))

    def rate(rule: Depths) -> float:
        return bitrate([rule(errors) for _, errors in heard], bits, codec.frame_rate)

    def scores(rule: Depths) -> str:
        rows = []
        for clip, (sums, errors) in zip(clips, heard):
            chosen = sums[rule(errors) - 1, :, torch.arange(errors.shape[1])].T[None]
            estimate = codec.trim(codec.decoder(chosen), len(clip.wav))[0, 0].clamp(-1, 1).numpy()
            rows.append([score(metric, estimate, clip.wav, clip.sample_rate)[0] for metric in metrics])
        pesq, stoi = np.mean(rows, axis=0)
        return f"{pesq:.2f} / {stoi:.3f}"

    print("| kbit/s | constant depth | constant error |\n|---|---|---|")
    for depth in (1, 2, 4, 8):
        wanted, low, high = bits * depth * codec.frame_rate / 1000, 1e-2, 1e4
        for _ in range(30):
            middle = (low * high) ** 0.5
            low, high = (middle, high) if rate(below(middle)) > wanted else (low, middle)
        constant = scores(lambda errors, depth=depth: torch.full((errors.shape[1],), depth))
        print(f"| {wanted:g} | {constant} | {scores(below(high))} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
