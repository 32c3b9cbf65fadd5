"""Speech and music, a codec solved from a mixture of both, and how it fares on each."""

import numpy as np
import torch

from kvant.codec import Codec
from kvant.codecs.frame import Config, build
from kvant.data import Segments
from kvant.decoders.frame import FrameDecoder
from kvant.encoders.frame import FrameEncoder
from kvant.entropy import entropy
from kvant.errors import UsageError
from kvant.lab.bench import SAMPLE_RATE, Bench
from kvant.layers.context import ContextConfig
from kvant.losses import MelLoss
from kvant.training.closed_form import solve

LEVELS, SIZE = 4, 256


def music(bench: Bench, split: str, seconds: float) -> np.ndarray:
    """float32 [n] at 24 kHz: stretches of 4 s from all tracks of the corpus beside the speech.

    UsageError: there is none.
    """
    folder = bench.folder("train").parent / "music"
    if not (folder / split).is_dir():
        raise UsageError(f"{folder}: no music here; kvant data fetch music -o {folder} makes some")
    segments = Segments(folder / split, SAMPLE_RATE, 4.0, bench.seed, gain_db=(0, 0))
    return segments.batch(0, max(1, round(seconds / 4))).wav.flatten().numpy()


def divergence(one: np.ndarray, other: np.ndarray) -> float:
    """Jensen and Shannon's, in bits, of two histograms [V]: 0 if they are alike, 1 if they share no code."""
    p, q = one / one.sum(), other / other.sum()

    def bits(x: np.ndarray) -> float:
        return -float((x[x > 0] * np.log2(x[x > 0])).sum())

    return bits((p + q) / 2) - (bits(p) + bits(q)) / 2


def solved(wav: np.ndarray, seed: int) -> Codec:
    """The codec of this data, its networks left at zero."""
    small = ContextConfig(8, 8, (1,))
    codec = build(Config(num_codebooks=LEVELS, codebook_size=SIZE, encoder=small, decoder=small)).eval()
    solve(codec, torch.from_numpy(wav)[None, None], seed=seed)
    return codec


@torch.no_grad()
def tried(codec: Codec, wav: np.ndarray, mel: MelLoss) -> tuple[dict[str, float], np.ndarray]:
    """(measures, codes [K, T]). snr: dB, of the features that the codec codes."""
    original = torch.from_numpy(wav)[None, None]
    assert isinstance(codec.encoder, FrameEncoder)
    assert isinstance(codec.decoder, FrameDecoder)
    features = codec.encoder.features(codec.encoder.analysis(codec.pad(original)).transpose(1, 2))[0]
    codes = codec.encode(original)
    error = features - codec.decoder.klt(codec.quantizer.decode(codes)[0].T)
    snr = 10 * torch.log10((features - features.mean(0)).square().sum() / error.square().sum())
    used = sum(entropy(np.bincount(level, minlength=SIZE)) for level in codes[0].numpy())
    efficiency = used / (LEVELS * np.log2(SIZE))
    distance = mel(codec.decode(codes, len(wav)), original)
    return {"snr_db": float(snr), "mel": float(distance), "bit_efficiency": float(efficiency)}, codes[0].numpy()
