"""`kvant info`, `kvant verify` and `kvant truncate`: looking into files without their model."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant import bitstream
from tests.cli.conftest import RATE, Outcome

INFO = {  # what `kvant info --json` promises, and of which type
    "header": dict,
    "frames": int,
    "duration_seconds": float,
    "num_samples": int | None,
    "num_codebooks": int,
    "payload_bits": int,
    "payload_bitrate": float,
    "file_bytes": int,
    "file_bitrate": float,
    "complete": bool,
}
HEADER = {
    "model_id": str,
    "decoder_digest": str,
    "encoder_digest": str,
    "codec_rate": int,
    "source_rate": int,
    "channels": int,
    "layout": str,
    "num_samples": int | None,
    "hop_length": int,
    "pre_skip": int,
    "codebook_sizes": list,
    "strides": list,
    "reset_interval": int,
    "frame_rate": float,
}


def test_json(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    done = run("info", "--json", kvt)
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    for fields, values in ((INFO, found), (HEADER, found["header"])):
        assert fields.items() <= {name: fields.get(name) for name in values}.items()
        assert all(isinstance(values[name], kind) for name, kind in fields.items())
    assert found["header"]["decoder_digest"] == kvant.load().decoder_digest.hex()
    assert (found["frames"], found["num_codebooks"], found["num_samples"]) == (114, 8, 24000)
    assert found["file_bytes"] == len(stream)
    assert found["payload_bits"] == pytest.approx(114 * 80, abs=8 * 8 * 2)
    assert found["file_bitrate"] == pytest.approx(8 * len(stream) / 1.5)
    assert found["complete"] is True


def test_text(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    lines = run("info", kvt).out.splitlines()
    assert lines[0] == str(kvt)
    facts = dict(line.split(maxsplit=1) for line in lines[1:])
    assert facts["audio"] == "1.50 s, 1 channel at 16000 Hz"
    assert facts["codes"] == "114 frames at 75 Hz, 8 of 12 codebooks, of 1024 entries"
    assert facts["size"] == f"{len(stream)} bytes"
    assert facts["complete"] == "yes"


def test_stereo(tmp_path: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    (tmp_path / "two.kvt").write_bytes(kvant.compress(np.concatenate([wav, -wav]), RATE, num_codebooks=3))
    assert "2 channels at 16000 Hz" in run("info", tmp_path / "two.kvt").out
    assert "3 of 12 codebooks per channel" in run("info", tmp_path / "two.kvt").out
    assert run("truncate", tmp_path / "two.kvt", tmp_path / "one.kvt", "-b", "0.8").code == 0
    assert "1 of 12 codebooks per channel" in run("info", tmp_path / "one.kvt").out


def test_info_of_a_cut_file(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    kvt.write_bytes(stream[: len(stream) * 3 // 4])
    done = run("info", kvt)
    assert done.code == 1
    assert "1.00 s of 1.50 s" in done.out
    assert "see kvant verify" in done.out
    assert json.loads(run("info", "--json", kvt).out)["complete"] is False


def test_verify(kvt: Path, stream: bytes, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    assert run("verify", kvt) == Outcome(0, f"{kvt}: ok, 114 frames in 2 blocks\n", "")
    cut, longer, other = tmp_path / "cut.kvt", tmp_path / "longer.kvt", tmp_path / "other.kvt"
    cut.write_bytes(stream[:-1])
    longer.write_bytes(stream + b"\0")
    other.write_bytes(b"nothing")
    done = run("verify", cut, kvt, longer, other)
    assert done.code == 1
    assert done.out == f"{kvt}: ok, 114 frames in 2 blocks\n"
    of_cut, of_longer, of_other = done.err.splitlines()
    assert of_cut.startswith(f"kvant: damage: {cut}: damaged at byte ")
    assert of_cut.endswith("its end is missing; 114 frames are whole")
    assert of_longer.startswith(f"kvant: damage: {longer}: damaged at byte {len(stream)} ")
    assert of_longer.endswith("no frame is lost; 114 frames are whole")
    assert of_other.startswith(f"kvant: error: {other}: not a .kvt stream")


def test_the_worst_exit_code_counts(kvt: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    (tmp_path / "other.kvt").write_bytes(b"nothing")
    assert run("verify", tmp_path / "missing.kvt", tmp_path / "other.kvt", kvt).code == 2


def test_every_bit_of_a_file_is_verified(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    rng = np.random.default_rng(0)
    for place in rng.integers(8 * len(stream), size=40):
        data = bytearray(stream)
        data[place // 8] ^= 1 << place % 8
        kvt.write_bytes(data)
        assert run("verify", kvt).code == 1


@pytest.mark.parametrize(
    ("option", "value", "levels"), [("-n", "1", 1), ("-b", "1.5", 2), ("-b", "5.9", 7), ("-n", "8", 8)]
)
def test_truncating_is_encoding_at_that_rate(
    option: str, value: str, levels: int, kvt: Path, wav: np.ndarray, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    lower = tmp_path / "lower.kvt"
    done = run("truncate", kvt, lower, option, value)
    expected = kvant.compress(wav, RATE, num_codebooks=levels)
    assert done == Outcome(0, f"{lower}: {len(expected)} bytes\n", "")
    assert lower.read_bytes() == expected


@pytest.mark.usefixtures("no_model")
def test_truncating_needs_no_model(golden: Path, tmp_path: Path, run: Callable[..., Outcome]) -> None:
    lower = tmp_path / "lower.kvt"
    assert run("truncate", golden / "stereo-1.0.kvt", lower, "-n", "2").code == 0
    assert lower.read_bytes() == (golden / "stereo-truncated-to-4-1.0.kvt").read_bytes()
    assert run("info", lower).code == run("verify", lower).code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give the rate"),
        (["-n", "2", "-b", "3"], "exclude each other"),
        (["-n", "0"], "1 to 12"),
        (["-n", "13"], "1 to 12"),
        (["-b", "0.7"], "0.75, 1.5, "),
        (["-b", "inf"], "more than 0"),
    ],
)
def test_impossible_rate(options: list[str], message: str, kvt: Path, run: Callable[..., Outcome]) -> None:
    target = kvt.with_name("never.kvt")
    done = run("truncate", kvt, target, *options)
    assert done.code == 2
    assert message in done.err
    assert not target.exists()


def test_truncating_what_is_damaged_says_what_takes_it(
    kvt: Path, stream: bytes, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    kvt.write_bytes(stream[: len(stream) * 3 // 4])
    done = run("truncate", kvt, tmp_path / "never.kvt", "-n", "1")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "fetch the stream again; `kvant decode`" in done.err


def test_truncating_replaces_nothing_unasked(kvt: Path, stream: bytes, run: Callable[..., Outcome]) -> None:
    other = kvt.with_name("other.kvt")
    other.write_bytes(b"precious")
    assert "exists already" in run("truncate", kvt, other, "-n", "1").err
    assert other.read_bytes() == b"precious"
    assert "is a folder; name a file in it" in run("truncate", kvt, kvt.parent, "-n", "1", "-f").err
    assert "would replace what it is made from" in run("truncate", kvt, kvt, "-n", "1", "-f").err
    assert kvt.read_bytes() == stream
    assert run("truncate", kvt, other, "-n", "1", "-f").code == 0
    assert bitstream.verify(io.BytesIO(other.read_bytes())).ok
