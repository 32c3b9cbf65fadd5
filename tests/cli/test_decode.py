"""`kvant decode`, of whole, damaged and foreign files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant import bitstream
from kvant.audio import read
from kvant.bitstream.container import MAGIC
from tests.cli.conftest import RATE, Outcome

FRAME = 320 * RATE // 24000  # samples of the recording in a frame, about


def test_the_audio_is_that_of_decompress(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    done = run("decode", kvt)
    assert done == Outcome(0, f"{kvt.with_suffix('.wav')}: 1.50 s at 16000 Hz\n", "")
    decoded, sample_rate = read(kvt.with_suffix(".wav"))
    assert sample_rate == RATE
    np.testing.assert_allclose(decoded, kvant.decompress(stream)[0].clip(-1, 1), atol=2**-15)


@pytest.mark.parametrize("name", ["back.wav", "back.flac", "back.ogg"])
def test_format(name: str, kvt: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    assert run("decode", kvt, tmp_path / name).code == 0
    assert read(tmp_path / name)[0].shape == (1, 24000)


@pytest.mark.parametrize("name", ["back.mp3", "back.kvt", "back"])
def test_impossible_format(name: str, kvt: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    done = run("decode", kvt, tmp_path / name)
    assert done.code == 2
    assert "choose .wav, .flac or .ogg" in done.err
    assert not (tmp_path / name).exists()


def test_lower_rate_is_that_of_the_truncated_file(kvt: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    assert run("decode", kvt, tmp_path / "lower.wav", "-b", "1.6").code == 0
    run("truncate", kvt, tmp_path / "lower.kvt", "-n", "2")
    run("decode", tmp_path / "lower.kvt", tmp_path / "truncated.wav")
    assert (tmp_path / "lower.wav").read_bytes() == (tmp_path / "truncated.wav").read_bytes()
    for option, value in (("-n", "0"), ("-n", "13"), ("-b", "0.7")):
        done = run("decode", kvt, tmp_path / "never.wav", option, value)
        assert done.code == 2
        assert str(kvt) in done.err


def test_existing_target_is_kept(clip: Path, kvt: Path, run: Callable[..., Outcome]) -> None:
    before = clip.read_bytes()
    done = run("decode", kvt, "-m", "a model that does not exist")
    assert done.code == 2
    assert "exists already" in done.err
    assert clip.read_bytes() == before
    assert run("decode", kvt, "-f").code == 0
    assert clip.read_bytes() != before


def test_another_model_is_refused(golden: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    for options in ([], ["-m", "kvant-voice-24k"]):
        done = run("decode", golden / "mono-1.0.kvt", tmp_path / "never.wav", *options)
        assert done.code == 3
        with (golden / "mono-1.0.kvt").open("rb") as file:
            assert bitstream.info(file).header.decoder_digest.hex()[:16] in done.err
        assert kvant.load().decoder_digest.hex()[:16] in done.err
    assert not list(tmp_path.iterdir())


def damaged(stream: bytes, block: int) -> bytes:
    """`stream` with one byte changed in the middle of AUDIO block number `block`."""
    starts = [i for i in range(len(stream)) if stream.startswith(b"\xd6K\x02", i)]
    place = starts[block] + 40
    return stream[:place] + bytes([stream[place] ^ 0x10]) + stream[place + 1 :]


def test_damage_costs_its_block_alone(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    kvt.write_bytes(damaged(stream, 0))
    done = run("decode", kvt)
    assert done.code == 1
    assert done.out == f"{kvt.with_suffix('.wav')}: 1.50 s at 16000 Hz\n"
    assert done.err.startswith(f"kvant: damage: {kvt}: damaged at byte ")
    assert "CRC-32 of the AUDIO block does not match" in done.err
    assert done.err.endswith("75 frames are lost; the rest was decoded\n")
    decoded, _ = read(kvt.with_suffix(".wav"))
    whole, _ = kvant.decompress(stream)
    assert decoded.shape == whole.shape
    assert not decoded[:, : 70 * FRAME].any()
    assert np.abs(decoded[:, -30 * FRAME :]).max() > 0.3 * np.abs(whole[:, -30 * FRAME :]).max()


def test_what_is_there_of_a_cut_file(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    kvt.write_bytes(stream[: len(stream) * 3 // 4])
    done = run("decode", kvt)
    assert done.code == 1
    assert "its end is missing" in done.err
    decoded, _ = read(kvt.with_suffix(".wav"))
    assert 0.95 * RATE < decoded.shape[1] <= RATE
    whole, _ = kvant.decompress(stream)
    sure = decoded.shape[1] - 2 * FRAME  # at the cut the resampler has no future to look at
    np.testing.assert_allclose(decoded[:, :sure], whole[:, :sure].clip(-1, 1), atol=2**-14)


FOREIGN = {
    "empty": b"",
    "zeros": bytes(1000),
    "text": b"not a stream\n" * 9,
    "wav": b"RIFF$\0\0\0WAVEfmt " + bytes(28),
    "magic alone": MAGIC,
}


@pytest.mark.parametrize("verb", ["decode", "info", "verify", "truncate"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file(verb: str, kind: str, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    path = tmp_path / "foreign.kvt"
    path.write_bytes(FOREIGN[kind])
    done = run(*{"truncate": ["truncate", path, tmp_path / "never.kvt", "-n", "1"]}.get(verb, [verb, path]))
    assert done.code == 1
    assert done.err.startswith(f"kvant: error: {path}: ")
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("seed", range(16))
def test_any_damage(seed: int, kvt: Path, stream: bytes, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(stream)
    for place in rng.integers(len(data), size=1 + seed % 3):
        data[place] ^= 1 << rng.integers(8)
    if seed % 4 == 3:
        del data[rng.integers(len(data)) :]
    kvt.write_bytes(data)

    assert run("verify", kvt).code == 1
    assert run("info", kvt).code in (0, 1)
    assert run("truncate", kvt, tmp_path / "lower.kvt", "-n", "2").code == 1
    assert not (tmp_path / "lower.kvt").exists()
    done = run("decode", kvt)
    assert done.code in (1, 3)
    if "kvant: damage: " in done.err:
        assert read(kvt.with_suffix(".wav"))[0].shape[1] <= 24000
    else:
        assert not kvt.with_suffix(".wav").exists()


@pytest.mark.parametrize("verb", ["decode", "info", "verify", "truncate"])
def test_missing_file(verb: str, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    path = tmp_path / "missing.kvt"
    done = run(*{"truncate": ["truncate", path, tmp_path / "never.kvt", "-n", "1"]}.get(verb, [verb, path]))
    assert done == Outcome(2, "", f"kvant: error: {path}: cannot be read (No such file or directory)\n")


def test_nothing_at_all(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    (tmp_path / "none.kvt").write_bytes(kvant.compress(np.zeros((1, 0), np.float32), RATE))
    assert run("decode", tmp_path / "none.kvt").code == 0
    assert read(tmp_path / "none.wav")[0].shape == (1, 0)
