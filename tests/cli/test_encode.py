"""`kvant encode`, of single files."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant import bitstream
from kvant.audio import read, write
from tests.cli.conftest import RATE, Outcome


def test_the_file_is_that_of_compress(clip: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    done = run("encode", clip)
    path = clip.with_suffix(".kvt")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{path}: 1.50 s, 6.00 kbit/s, {len(stream)} bytes\n"
    assert bitstream.read_codes(path.open("rb"))[1].tolist() == bitstream.read_codes(io.BytesIO(stream))[1].tolist()


def test_named_target(clip: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    assert run("encode", clip, tmp_path / "other.kvt").code == 0
    assert run("encode", clip, tmp_path / "no suffix").code == 0
    (tmp_path / "folder").mkdir()
    assert run("encode", clip, tmp_path / "folder").code == 0
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} >= {"other.kvt", "no suffix", "clip.kvt"}
    assert not clip.with_suffix(".kvt").exists()


@pytest.mark.parametrize(
    ("option", "value", "levels"), [("-b", "1.5", 2), ("-b", "2", 2), ("-n", "3", 3), ("-b", "99", 12)]
)
def test_rate(option: str, value: str, levels: int, clip: Path, run: Callable[..., Outcome]) -> None:
    assert run("encode", clip, option, value).code == 0
    header, codes = bitstream.read_codes(clip.with_suffix(".kvt").open("rb"))
    assert len(codes) == levels
    assert len(header.codebook_sizes) == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-b", "1.5", "-n", "2"], "exclude each other"),
        (["-b", "0.5"], "0.75, 1.5, 2.25, 3, "),
        (["-b", "0"], "more than 0"),
        (["-b", "-3"], "more than 0"),
        (["-b", "nan"], "more than 0"),
        (["-n", "0"], "1 to 12"),
        (["-n", "13"], "1 to 12"),
    ],
)
def test_impossible_rate(options: list[str], message: str, clip: Path, run: Callable[..., Outcome]) -> None:
    done = run("encode", clip, *options)
    assert done.code == 2
    assert message in done.err
    assert not clip.with_suffix(".kvt").exists()


def test_beam(clip: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    assert run("encode", clip, "-n", 4, "--beam", 3).code == 0
    codes = bitstream.read_codes(clip.with_suffix(".kvt").open("rb"))[1]
    np.testing.assert_array_equal(codes, kvant.load().encode(read(clip)[0], RATE, 4, beam=3).codes[0])
    assert (codes != kvant.load().encode(read(clip)[0], RATE, 4).codes[0]).any()


def test_refined(clip: Path, run: Callable[..., Outcome]) -> None:
    """Other codes in a stream of the same kind and size; at a pipe's pace they cannot be had."""
    pytest.importorskip("torch")
    assert run("encode", clip, clip.with_suffix(".plain.kvt"), "-n", 4).code == 0
    assert run("encode", clip, "-n", 4, "--refine", 2).code == 0
    plain, refined = (clip.with_suffix(suffix).read_bytes() for suffix in (".plain.kvt", ".kvt"))
    codes = bitstream.read_codes(io.BytesIO(refined))[1]
    np.testing.assert_array_equal(codes, kvant.load().encode(*read(clip), 4, refine=2).codes[0])
    assert len(refined) == len(plain)
    assert refined != plain
    done = run("encode", clip, "-f", "-n", 4, "--refine", 2, "--live")
    assert done.code == 2
    assert "leave out --live" in done.err


@pytest.mark.parametrize("beam", ["0", "-2", "1000"])
@pytest.mark.parametrize("verb", ["encode", "roundtrip"])
def test_impossible_beam(verb: str, beam: str, clip: Path, run: Callable[..., Outcome]) -> None:
    done = run(verb, clip, "--beam", beam)
    assert done.code == 2
    assert done.err.endswith(f"beam {beam}: must be 1 (greedy) to 256\n")
    assert not clip.with_suffix(".kvt").exists()


def test_stereo_is_two_streams(tmp_path: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    stereo = np.concatenate([wav, wav[:, ::-1]])
    write(tmp_path / "stereo.flac", stereo, RATE)
    done = run("encode", tmp_path / "stereo.flac", "-n", "2")
    assert ": 1.50 s, 3.00 kbit/s, " in done.out
    header, codes = bitstream.read_codes((tmp_path / "stereo.kvt").open("rb"))
    assert header.channels == 2
    np.testing.assert_array_equal(codes[::2], kvant.load().encode(stereo[0], RATE, 2).codes[0])


def test_live_frames_are_blocks(clip: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    assert run("encode", "--live", clip).code == 0
    report = bitstream.verify(clip.with_suffix(".kvt").open("rb"))
    assert report.ok
    assert report.blocks == report.frames == bitstream.verify(io.BytesIO(stream)).frames


def test_existing_target_is_kept(clip: Path, run: Callable[..., Outcome]) -> None:
    target = clip.with_suffix(".kvt")
    target.write_bytes(b"precious")
    done = run("encode", clip, "-m", "a model that does not exist")
    assert done.code == 2, "refused before the model is looked for"
    assert done.err == f"kvant: error: {target}: exists already; use -f to replace it\n"
    assert target.read_bytes() == b"precious"
    assert run("encode", clip, "-f").code == 0
    assert bitstream.verify(target.open("rb")).ok


def test_source_is_never_the_target(clip: Path, kvt: Path, run: Callable[..., Outcome]) -> None:
    before = kvt.read_bytes()
    assert "would replace what it is made from" in run("encode", kvt, kvt, "-f").err
    assert run("encode", clip, clip, "-f").code == 2
    assert kvt.read_bytes() == before


def test_an_audio_file_is_no_target(clip: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    done = run("encode", clip, tmp_path / "other.WAV", "-f")
    assert done.code == 2
    assert "kvant roundtrip" in done.err


@pytest.mark.parametrize(
    "name", ["ünïcødé-音声-🎵.wav", "two words.wav", "line\nbreak.wav", "-dash.wav", ".hidden.wav"]
)
def test_names(name: str, clip: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Outcome]) -> None:
    monkeypatch.chdir(clip.parent)
    clip.rename(name)
    done = run("encode", "-n", "1", "--", name)
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    assert bitstream.verify(io.BytesIO(Path(name.replace(".wav", ".kvt")).read_bytes())).ok


def test_missing_folder(clip: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    done = run("encode", clip, tmp_path / "missing" / "clip.kvt")
    assert done.code == 2
    assert "name a folder that exists" in done.err
    assert not (tmp_path / "missing").exists()


def test_a_folder_that_is_not_there_is_no_name_of_a_file(
    clip: Path, kvt: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    missing = f"{tmp_path / 'missing'}/"
    for arguments in (("encode", clip), ("decode", kvt), ("truncate", kvt, "-n", 1), ("roundtrip", clip)):
        verb, source, *rest = arguments
        done = run(verb, source, missing, *rest)
        assert (done.code, done.err) == (2, f"kvant: error: {missing}: no such folder; make it first, or name a file\n")
    assert not (tmp_path / "missing").exists()


def test_missing_model(clip: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    for name in ("unknown", tmp_path):
        done = run("encode", clip, "-m", name)
        assert done.code == 3
        assert "no model of this name" in done.err
    assert not clip.with_suffix(".kvt").exists()


@pytest.mark.usefixtures("no_model")
def test_no_model_at_all(clip: Path, kvt: Path, run: Callable[..., Outcome]) -> None:
    assert run("encode", clip, "-f").code == 3
    assert run("decode", kvt, clip.with_name("back.wav")).code == 3
    assert run("roundtrip", clip).code == 3
    assert "no model" in run("models").out
