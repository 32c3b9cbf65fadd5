"""The shipped model is the same codec in both engines, on real voices."""

from pathlib import Path

import numpy as np
import pytest
import torch

import kvant
from kvant.audio import read, resample
from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.runtime import DEFAULT, available
from kvant.runtime.models import WEIGHTS
from tests.near_ties import count_near_ties
from tests.plain_beam import count_beam_ties

RECORDINGS = sorted((Path(kvant.__file__).parent / "assets").glob("*.flac"))


@pytest.fixture(scope="module")
def codec() -> Codec:
    return load_codec(available()[DEFAULT] / WEIGHTS)


@pytest.fixture(scope="module")
def wavs(codec: Codec) -> list[np.ndarray]:
    """The bundled recordings [1, N] at the codec's rate: one filter has resampled them for both engines."""
    return [resample(wav, rate, codec.sample_rate) for wav, rate in map(read, RECORDINGS)]


def test_codes_are_equal_but_for_near_ties(codec: Codec, wavs: list[np.ndarray]) -> None:
    """At most one frame in a thousand, each a tie closer than 1e-4; how many is printed."""
    ties = frames = 0
    for wav in wavs:
        codes = torch.from_numpy(kvant.load().encode(wav, codec.sample_rate, codec.num_codebooks).codes)
        with torch.inference_mode():
            latents = codec.encoder(codec.pad(torch.from_numpy(wav)[:, None]))
        reference = codec.encode(torch.from_numpy(wav)[:, None])
        ties += count_near_ties(codec.quantizer, latents, codes, reference, closest=1e-4)
        frames += codes.shape[-1]
    print(f"{ties} near ties in {frames} frames of {len(wavs)} recordings")
    assert frames > 1000
    assert ties <= frames // 1000


@pytest.mark.parametrize(("depth", "beam"), [(8, 4), (4, 8)])
def test_beams_choose_equally_but_for_near_ties(codec: Codec, wavs: list[np.ndarray], depth: int, beam: int) -> None:
    books = [book.vectors.numpy() for book in codec.quantizer.codebooks]
    ties = frames = 0
    for wav in wavs:
        codes = kvant.load().encode(wav, codec.sample_rate, depth, beam).codes
        with torch.inference_mode():
            latents = codec.encoder(codec.pad(torch.from_numpy(wav)[:, None]))[0].T.numpy()
        others = codec.encode(torch.from_numpy(wav)[:, None], depth, beam).numpy()
        ties += count_beam_ties(latents, books, codes[0], others[0], beam, closest=1e-4)
        frames += codes.shape[-1]
    print(f"{ties} near ties in {frames} frames of {len(wavs)} recordings")
    assert ties <= frames // 500


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_wav_is_equal(codec: Codec, wavs: list[np.ndarray], depth: int) -> None:
    runtime = kvant.load()
    for wav in wavs:
        codes = runtime.encode(wav, codec.sample_rate, num_codebooks=depth)
        reference = codec.decode(torch.from_numpy(codes.codes), wav.shape[1])[:, 0].numpy()
        np.testing.assert_allclose(runtime.decode(codes), reference, rtol=0, atol=1e-5)


def test_more_codebooks_are_closer_to_the_recording(codec: Codec, wavs: list[np.ndarray]) -> None:
    """Each doubling of the bitrate lowers the squared error, of speakers heard in training and of others."""
    runtime = kvant.load()
    for wav in wavs:
        errors = []
        for depth in (1, 2, 4, 8):
            decoded = runtime.decode(runtime.encode(wav, codec.sample_rate, num_codebooks=depth))
            errors.append(float(np.square(decoded - wav).sum() / np.square(wav).sum()))
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.5
