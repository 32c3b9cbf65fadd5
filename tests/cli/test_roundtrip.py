"""`kvant roundtrip`: its figures are those of the codec."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant.audio import read, write
from kvant.evaluation.metrics import SiSdr
from tests.cli.conftest import RATE, Outcome


def test_figures(clip: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    done = run("roundtrip", clip, "-b", "3")
    data = kvant.compress(read(clip)[0], RATE, 3000)
    decoded, _ = kvant.decompress(data)
    score = SiSdr()(decoded, wav, RATE)[0]
    assert done.code == 0
    assert "1.50 s, 4 codebooks\n" in done.out
    assert f"bitrate  3.05 kbit/s, {8 * len(data) / 1500:.2f} with framing\n" in done.out
    assert f"SI-SDR   {score:.2f} dB\n" in done.out


def test_figures_of_a_beam(clip: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    done = run("roundtrip", clip, "-b", "6", "--beam", "4")
    decoded, _ = kvant.decompress(kvant.compress(read(clip)[0], RATE, 6000, beam=4))
    greedy, _ = kvant.decompress(kvant.compress(read(clip)[0], RATE, 6000))
    assert f"SI-SDR   {SiSdr()(decoded, wav, RATE)[0]:.2f} dB\n" in done.out
    assert np.abs(decoded - greedy).max() > 1e-3


def test_what_comes_back(clip: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    back = clip.with_name("back.flac")
    assert run("roundtrip", clip, back).code == 0
    np.testing.assert_allclose(read(back)[0], kvant.decompress(stream)[0].clip(-1, 1), atol=2**-14)
    assert "exists already" in run("roundtrip", clip, back).err
    assert "would replace" in run("roundtrip", clip, clip, "-f").err
    assert run("roundtrip", clip, back, "-f").code == 0


def test_silence(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    for name, wav in (("silence.wav", np.zeros((2, 8000), np.float32)), ("nothing.wav", np.zeros((1, 0), np.float32))):
        write(tmp_path / name, wav, RATE)
        done = run("roundtrip", tmp_path / name)
        assert (done.code, done.err) == (0, "")
        assert "SI-SDR   undefined, the recording is silent\n" in done.out


@pytest.mark.parametrize("options", [["-b", "1", "-n", "1"], ["-b", "0.1"], ["-n", "13"]])
def test_impossible_rate(options: list[str], clip: Path, run: Callable[..., Outcome]) -> None:
    assert run("roundtrip", clip, *options).code == 2
