"""The solved codec, networks at zero, is a classical transform codec: here computed again from the equations."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import frame
from kvant.errors import UsageError
from kvant.layers.context import ContextConfig
from kvant.quantizers import EMACodebook, VectorQuantizer
from kvant.training.closed_form import refit_codebooks, solve
from tests.speech import speech

SMALL = ContextConfig(channels=8, hidden=8, dilations=(1,))
CONFIG = frame.Config(latent_dim=24, num_codebooks=4, codebook_size=64, encoder=SMALL, decoder=SMALL)


@pytest.fixture(scope="module")
def corpus() -> Tensor:
    return speech(1.0, batch=12, seed=0)


@pytest.fixture(scope="module")
def solved(corpus: Tensor) -> tuple[Codec, dict[str, float]]:
    torch.manual_seed(0)
    codec = frame.build(CONFIG).eval()
    return codec, solve(codec, corpus)


def bands_of(config: frame.Config) -> np.ndarray:
    """[bins, bands] membership: equal steps of log10(1 + f/229), two bins at least."""
    features = config.features
    edges = [0]
    for band in range(1, features.num_bands):
        rate = math.log10(1 + features.nyquist / 229) * band / features.num_bands
        edges.append(max(edges[-1] + 2, round((10**rate - 1) * 229 / features.nyquist * features.num_bins)))
    bins = np.arange(features.num_bins)[:, None]
    return ((bins >= edges) & (bins < [*edges[1:], features.num_bins])).astype(float)


def classical(codec: Codec, wav: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes [K, T] and wav of the transform codec, in double precision, without any of the codec's layers."""
    config = CONFIG.features
    hop, coded, p = config.num_bins, config.num_coefficients, config.exponent
    members = bands_of(CONFIG)
    mean_of = members / members.sum(0)
    weight = 1 / (1 + np.arange(coded) / 40)

    count = -(-(len(wav) + hop) // hop)
    padded = np.concatenate([np.zeros(hop), wav, np.zeros(count * hop - len(wav))])
    n, k = np.arange(2 * hop), np.arange(hop)[:, None]
    window = np.sin(np.pi / (2 * hop) * (n + 0.5))
    angle = np.pi / hop * (n + (hop + 1) / 2) * (k + 0.5)
    cosines, sines = (math.sqrt(2 / hop) * f(angle) * window for f in (np.cos, np.sin))
    frames = np.stack([padded[t * hop : (t + 2) * hop] for t in range(count)])
    mdct, mdst = frames @ cosines.T, frames @ sines.T
    levels = 0.5 * np.log((mdct**2 + mdst**2) / 2 @ mean_of + 1e-7) * config.band_weight
    compressed = np.sign(mdct[:, :coded]) * np.abs(mdct[:, :coded]) ** p * weight
    features = np.concatenate([compressed, levels], axis=1)

    state = {name: tensor.double().numpy() for name, tensor in codec.state_dict().items()}
    residual = (features - state["encoder.klt.mean"]) @ state["encoder.klt.basis"].T
    latents, codes = np.zeros_like(residual), []
    for level in range(CONFIG.num_codebooks):
        vectors = state[f"quantizer.codebooks.{level}.weight"]
        codes.append(((residual[:, None] - vectors) ** 2).sum(-1).argmin(-1))
        latents += vectors[codes[-1]]
        residual -= vectors[codes[-1]]

    decoded = latents @ state["decoder.klt.basis"] + state["decoder.klt.mean"]
    restored = decoded[:, :coded] / weight
    restored = np.sign(restored) * np.abs(restored) ** (1 / p)
    spectrum = np.pad(restored, ((0, 0), (0, hop - coded)))
    energy = np.exp(2 * decoded[:, coded:] / config.band_weight)
    lacking = np.maximum(energy - spectrum**2 @ mean_of - 1e-7, 0)
    noise = state["decoder.noise.table"][np.arange(count) % 64]
    spectrum = spectrum + 0.3 * np.sqrt(lacking @ members.T + 1e-10) * noise
    output = np.zeros((count + 1) * hop)
    for t in range(count):
        output[t * hop : (t + 2) * hop] += spectrum[t] @ cosines
    return np.stack(codes), output[hop : hop + len(wav)]


def test_with_networks_at_zero_the_codec_is_the_classical_pipeline(solved: tuple[Codec, dict[str, float]]) -> None:
    codec, _ = solved
    wav = speech(0.7, seed=50)
    codes = codec.encode(wav)
    expected_codes, expected = classical(codec, wav[0, 0].double().numpy())
    assert np.array_equal(codes[0].numpy(), expected_codes)
    heard = codec.decode(codes, wav.shape[-1])[0, 0].double().numpy()
    assert np.abs(heard - expected).max() < 1e-4 * np.abs(expected).max()


def test_distortion_falls_at_every_level(solved: tuple[Codec, dict[str, float]]) -> None:
    """On what it was solved from, and on other speech."""
    codec, left = solved
    shares = [left[f"level_{level}"] for level in range(CONFIG.num_codebooks)]
    assert shares[0] < 1
    assert shares == sorted(shares, reverse=True)
    with torch.no_grad():
        latents = codec.encoder(codec.pad(speech(2.0, batch=4, seed=60)))
    codes = codec.quantizer.encode(latents)
    errors = [float((codec.quantizer.decode(codes[:, :k]) - latents).square().mean()) for k in range(1, 5)]
    assert errors == sorted(errors, reverse=True)


def test_more_levels_are_heard(solved: tuple[Codec, dict[str, float]]) -> None:
    """Signal-to-noise ratio of the waveform rises with depth and is best at lag 0: the delay is as declared."""
    codec, _ = solved
    wav = speech(2.0, batch=4, seed=60)
    codes = codec.encode(wav)
    decoded = [codec.decode(codes[:, :k], wav.shape[-1]) for k in range(1, 5)]
    errors = [float((x - wav).square().mean()) for x in decoded]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < float(wav.square().mean()) / 2
    lags = range(-3, 4)
    match = [float((torch.roll(decoded[-1], lag, dims=-1) * wav).sum()) for lag in lags]
    assert lags[int(np.argmax(match))] == 0


def test_transforms_are_the_eigenvectors_scaled_to_unit_variance(
    solved: tuple[Codec, dict[str, float]], corpus: Tensor
) -> None:
    codec, left = solved
    encoder, decoder = codec.encoder.klt, codec.decoder.klt
    with torch.no_grad():
        features = codec.encoder.features(codec.encoder.analysis(codec.pad(corpus)).transpose(1, 2)).flatten(0, 1)
        latents = encoder(features)
        again = encoder(decoder(latents))
        error = (decoder(latents) - features).square().sum()
    assert float(latents.var(0).mean()) == pytest.approx(1, rel=1e-3)
    covariance = torch.cov(latents.T)
    torch.testing.assert_close(covariance, torch.diag(covariance.diagonal()), rtol=0, atol=1e-3)
    torch.testing.assert_close(again, latents, rtol=1e-3, atol=1e-3)
    total = (features - features.mean(0)).square().sum()
    assert float(error / total) == pytest.approx(left["klt"], rel=1e-2)


def test_a_solved_quantizer_is_not_solved_again_by_training(
    solved: tuple[Codec, dict[str, float]], corpus: Tensor
) -> None:
    """k-means initialisation counts as done: steps with fewer latents than codes move vectors a little, not all."""
    codec = copy.deepcopy(solved[0]).train()
    before = [book.vectors.clone() for book in codec.quantizer.codebooks]
    with torch.no_grad():
        for item in range(3):
            codec(corpus[item : item + 1, :, : 320 * 20])
    for book, old in zip(codec.quantizer.codebooks, before):
        assert (book.vectors - old).norm() < 0.1 * old.norm()


def test_only_a_frame_codec_has_a_closed_form(solved: tuple[Codec, dict[str, float]], corpus: Tensor) -> None:
    codec, _ = solved
    other = Codec(codec.encoder, VectorQuantizer(EMACodebook(64, 24)), codec.decoder, 24000, 320, 320)
    with pytest.raises(UsageError, match="closed form"):
        solve(other, corpus)


def test_codebooks_are_refitted_to_an_encoder_that_moved(solved: tuple[Codec, dict[str, float]]) -> None:
    """Every level then leaves less of the latents of other speech, and nothing but codebooks has changed."""
    codec = copy.deepcopy(solved[0])
    with torch.no_grad():
        codec.encoder.klt.basis.mul_(1.3)
    before = {name: tensor.clone() for name, tensor in codec.state_dict().items()}

    def left(wav: Tensor) -> list[float]:
        with torch.no_grad():
            latents = codec.encoder(codec.pad(wav))
            quantized = [codec.quantizer.decode(codec.encode(wav, k)) for k in range(1, codec.num_codebooks + 1)]
        return [float((latents - each).square().mean() / latents.square().mean()) for each in quantized]

    wav, other = speech(1.0, batch=24, seed=3), speech(1.0, batch=4, seed=4)
    moved = left(other)
    shares = refit_codebooks(codec, wav)
    assert list(shares.values()) == pytest.approx(left(wav), rel=1e-3)
    assert all(share < old for share, old in zip(left(other), moved, strict=True))
    changed = {name for name, tensor in codec.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("quantizer.codebooks.") for name in changed)
    for codebook in codec.quantizer.codebooks:
        torch.testing.assert_close(codebook.weight, codebook.sums / codebook.counts[:, None])
