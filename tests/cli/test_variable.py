"""`--variable` and `--packing`, and what info, verify, truncate and decode make of such streams."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant import bitstream
from kvant.audio import read
from kvant.bitstream.entropy_models.tables import counted
from kvant.runtime.kept import _loaded
from tests.cli.conftest import RATE, Outcome


@pytest.fixture
def calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models have this table of limits, and no entropy model."""
    limits = {"variable": {"limits": {"750": 150.0, "1500": 65.0, "3000": 25.0}}}
    monkeypatch.setattr(
        kvant.Codec, "limit", lambda codec, bitrate: kvant.runtime.variable.limit_for(codec.metadata | limits, bitrate)
    )
    monkeypatch.setattr(kvant.Codec, "entropy_model", None)


@pytest.fixture
def with_tables(monkeypatch: pytest.MonkeyPatch, wav: np.ndarray) -> None:
    """Models have an entropy model, and none is kept that has read its own."""
    _loaded.cache_clear()
    codec = kvant.load()
    tables = counted(codec.encode(wav, RATE).codes, codec.codebook_sizes, 150)
    monkeypatch.setattr(kvant.Codec, "entropy_model", tables)


@pytest.mark.usefixtures("calibrated")
def test_a_variable_file_goes_the_whole_way(clip: Path, wav: np.ndarray, run: Callable[..., Outcome]) -> None:
    done = run("encode", clip, "--variable", "-b", "1.5")
    assert (done.code, done.err) == (0, "")
    stream = clip.with_suffix(".kvt")
    codes = bitstream.read_codes(stream.open("rb"))[1]
    depths = (codes != bitstream.ABSENT).sum(axis=0)
    assert len(set(depths)) > 3
    told = run("info", stream)
    assert f"codebooks of a frame: {depths.mean():.2f} on average" in told.out
    assert "in coded blocks" in told.out
    assert run("verify", stream).out.startswith(f"{stream}: ok, ")
    assert run("truncate", stream, stream.with_name("lower.kvt"), "-n", "2").code == 0
    assert run("verify", stream.with_name("lower.kvt")).code == 0
    for name in (stream, stream.with_name("lower.kvt")):
        assert run("decode", name, clip.with_name("back.wav"), "-f").code == 0
        assert read(clip.with_name("back.wav"))[0].shape == wav.shape
    assert np.abs(read(clip.with_name("back.wav"))[0]).std() > 0.01


@pytest.mark.usefixtures("calibrated")
def test_a_live_variable_stream_is_raw(clip: Path, run: Callable[..., Outcome]) -> None:
    assert run("encode", clip, "--variable", "-b", "1.5", "--live").code == 0
    with clip.with_suffix(".kvt").open("rb") as source:
        blocks = list(bitstream.Reader(source))
    assert {block.audio.num_frames for block in blocks} == {1}
    assert not any(block.audio.coded for block in blocks)


def test_a_file_gets_the_bitrate_asked_for(clip: Path, run: Callable[..., Outcome]) -> None:
    """What it cannot have is said; what can be heard only once gets what the table says."""
    stream = clip.with_suffix(".kvt")
    for asked in ("1.5", "3"):
        assert run("encode", clip, "-f", "--variable", "-b", asked).code == 0
        rate = bitstream.info(stream.open("rb")).payload_bitrate
        assert rate == pytest.approx(1000 * float(asked), rel=0.03)
    refused = run("encode", clip, "-f", "--variable", "-b", "0.2")
    assert refused.code == 2
    assert f"{clip}: 0.2 kbit/s: one codebook a frame" in refused.err
    much = run("encode", clip, "-f", "--variable", "-b", "20")
    assert much.code == 0
    assert f"kvant: note: {clip}: " in much.err
    assert "not 20; more codebooks have no use here" in much.err
    assert "variable bitrates" in run("encode", clip, "-f", "--variable", "-b", "20", "--live").err


@pytest.mark.usefixtures("with_tables")
def test_packing(clip: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw by default, coded if asked for; other models are refused."""
    stream, sizes = clip.with_suffix(".kvt"), {}
    for packing in (None, "coded", "raw"):
        assert run("encode", clip, "-f", *(["--packing", packing] if packing else [])).code == 0
        sizes[packing] = stream.stat().st_size
        assert run("info", stream).code == run("verify", stream).code == 0
    assert sizes[None] == sizes["raw"] > sizes["coded"]
    assert run("encode", clip, "-f", "--packing", "coded").code == 0
    monkeypatch.setattr(kvant.Codec, "entropy_model", None)
    assert "all whole; their codes need the entropy model" in run("verify", stream).out
    assert "8.00 on average" in run("info", stream).out
    refused = run("decode", stream, "-f")
    assert refused.code == 3
    assert "entropy model" in refused.err


def test_what_variable_needs(clip: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "give -b" in run("encode", clip, "--variable").err
    monkeypatch.setattr(
        kvant.Codec, "limit", lambda codec, bitrate: kvant.runtime.variable.limit_for({"name": codec.name}, bitrate)
    )
    assert run("encode", clip, "--variable", "-b", "1.5").code == 0
    lacking = run("encode", clip, "-f", "--variable", "-b", "1.5", "--live")
    assert lacking.code == 3
    assert "no table of limits" in lacking.err
