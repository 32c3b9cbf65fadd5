"""A release by name: fetched, imported once, kept; and `kvant.load` of what came of it."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

import kvant
from kvant.errors import FetchError, ModelError, UsageError
from kvant.importing.filling import import_checkpoint
from kvant.importing.obtaining import companion_file, obtain
from kvant.importing.published import PUBLISHED
from kvant.model_file import read_model_file
from kvant.torch_codec import TorchCodec
from tests.importing.test_transformers_layouts import FILES, TINY, tiny
from tests.speech import speech

NAMES = list(TINY)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("KVANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder where the small releases are published, under a name and a digest of their own."""
    (tmp_path / "published").mkdir()
    for name, release in TINY.items():
        path = tmp_path / "published" / FILES[name].name
        save_file(tiny(name)[0], path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        monkeypatch.setitem(PUBLISHED, name, replace(release, place=path.as_uri(), sha256=digest))
    return tmp_path / "published"


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_is_fetched_and_imported_once(released: Path, own_cache: Path) -> None:
    folder = obtain("dac-16khz")
    assert folder == own_cache / "models" / "dac-16khz"
    assert everything(own_cache) == [
        "downloads/dac-16khz/dac_tiny_transformers.safetensors",
        "models/dac-16khz/model.safetensors",
    ]
    first = (folder / "model.safetensors").stat()
    for path in released.iterdir():
        path.unlink()
    assert obtain("dac-16khz") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == first.st_mtime_ns
    assert read_model_file(folder / "model.safetensors").metadata["licence"]["weights"] == "MIT"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "00"}, "begins .*, not 00: not the file its authors released; get it by hand"),
        ({"place": "http://127.0.0.1:1/w.pth"}, r"cannot be fetched \(.*; get it by hand"),
        ({"place": ""}, "published nowhere it could be fetched from; get .* of release 0.0.5 by hand"),
    ],
)
def test_what_cannot_be_had_says_what_to_do_and_leaves_nothing(
    released: Path, own_cache: Path, change: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLISHED, "dac-16khz", replace(PUBLISHED["dac-16khz"], **change))
    with pytest.raises(FetchError, match=message) as caught:
        obtain("dac-16khz")
    assert "then run: kvant import dac-16khz FILE" in str(caught.value)
    assert everything(own_cache) == []


def test_a_file_that_does_not_fit_makes_no_model(
    released: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(PUBLISHED["dac-16khz"], place=PUBLISHED["encodec-24khz"].place, sha256="")
    monkeypatch.setitem(PUBLISHED, "dac-16khz", wrong)
    with pytest.raises(ModelError, match="weights do not fit"):
        obtain("dac-16khz")
    assert not (own_cache / "models").exists()


@pytest.mark.parametrize("name", [name for name, each in PUBLISHED.items() if each.companion])
def test_a_second_file_is_that_of_another_release(
    name: str, released: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert companion_file("dac-16khz") is None
    owner = next(other for other, each in PUBLISHED.items() if each.source == PUBLISHED[name].companion.source)
    here = PUBLISHED["dac-16khz"]
    monkeypatch.setitem(PUBLISHED, owner, replace(PUBLISHED[owner], place=here.place, sha256=here.sha256))
    assert companion_file(name) == own_cache / "downloads" / owner / FILES["dac-16khz"].name


@pytest.mark.parametrize("name", NAMES)
class TestLoad:
    def test_codes_and_wav_are_the_networks_of_the_whole(self, released: Path, name: str) -> None:
        codec, heard = kvant.load(name), tiny(name)[1]
        assert isinstance(codec, TorchCodec)
        assert codec.name == name
        wav = heard["wav"][:, 0].numpy()
        coded = codec.encode(wav, codec.sample_rate)
        assert np.array_equal(coded.codes, heard["codes"].numpy())
        decoded = codec.decode(coded)
        assert decoded.shape == wav.shape
        expected = heard["decoded"].flatten(1)[:, : wav.shape[1]].numpy()
        np.testing.assert_allclose(decoded[:, : expected.shape[1]], expected, rtol=0, atol=1e-5)
        assert np.array_equal(codec.encode(wav, codec.sample_rate, 2).codes, coded.codes[:, :2])

    def test_long_signals_go_in_pieces_and_come_out_as_whole(
        self, released: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codec = kvant.load(name)
        wav = speech(0.3, sample_rate=codec.sample_rate).numpy()[0]
        whole = codec.encode(wav, codec.sample_rate)
        with monkeypatch.context() as small:
            small.setattr("kvant.runtime.reach.PIECE_SAMPLES", 400)
            small.setattr("kvant.runtime.reach.STEP_SAMPLES", 8 * codec.hop_length)
            pieces = codec.encode(wav, codec.sample_rate)
            decoded = codec.decode(pieces)
        assert np.array_equal(pieces.codes, whole.codes)
        assert decoded.std() > 0.05
        np.testing.assert_allclose(decoded, codec.decode(whole), rtol=0, atol=1e-5)

    def test_any_rate_any_channels_any_length(self, released: Path, name: str) -> None:
        codec = kvant.load(name)
        for rate, samples in ((codec.sample_rate, 0), (codec.sample_rate, 1), (44100, 999), (8000, 500)):
            coded = codec.encode(np.zeros((2, samples), np.float32), rate)
            assert codec.decode(coded).shape == (2, samples)

    def test_wrong_use_is_named(self, released: Path, name: str) -> None:
        codec = kvant.load(name)
        with pytest.raises(UsageError, match="4 codebooks asked of"):
            codec.encode(np.zeros(100, np.float32), 16000, num_codebooks=4)
        with pytest.raises(UsageError, match="codes from 0 to 99"):
            codec.decode(kvant.Codes(np.array([[[0], [99]]]), 16000, 4))


def test_a_codec_that_looks_ahead_streams_as_late_as_it_looks(released: Path) -> None:
    codec = kvant.load("dac-16khz")
    assert codec.network.latency <= codec.latency < codec.network.latency + 2 * codec.hop_length  # type: ignore[attr-defined]
    wav = speech(0.3, sample_rate=codec.sample_rate).numpy()[0]
    whole = codec.encode(wav, codec.sample_rate)
    encoder, decoder, heard = codec.encoder_stream(), codec.decoder_stream(), []
    for start in range(0, wav.shape[1], 100):
        heard.append(decoder.push(encoder.push(wav[:, start : start + 100])))
        out, taken = sum(block.shape[1] for block in heard), min(start + 100, wav.shape[1])
        assert out == max((taken - codec.latency) // codec.hop_length + 1, 0) * codec.hop_length
    heard += [decoder.push(encoder.flush()), decoder.flush()]
    np.testing.assert_allclose(np.concatenate(heard, axis=1)[:, : wav.shape[1]], codec.decode(whole), rtol=0, atol=1e-5)


def test_a_folder_of_that_name_comes_before_the_cache(released: Path, tmp_path: Path) -> None:
    obtain("dac-16khz")
    (tmp_path / "dac-16khz").mkdir()
    own, theirs = tmp_path / "dac-16khz" / "model.safetensors", released / FILES["encodec-24khz"].name
    import_checkpoint("mine", TINY["encodec-24khz"], theirs, own, {})
    assert kvant.load("dac-16khz").name == "mine"
    assert kvant.load(str(tmp_path / "dac-16khz")).name == "mine"
    assert kvant.load(str(own)).name == "mine"


def test_a_name_nobody_knows() -> None:
    with pytest.raises(ModelError, match=r"nonsense: no model of this name \(shipped: kvant-voice-24k\)"):
        kvant.load("nonsense")
    with pytest.raises(UsageError, match=r"nonsense: no weights of that name are known; known: .*encodec-24khz"):
        obtain("nonsense")


def test_without_torch_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_torch(module: str, extra: str, purpose: str = "") -> None:
        raise UsageError("this needs the package 'torch'")

    monkeypatch.setattr("kvant.loading.import_extra", no_torch)
    with pytest.raises(ModelError, match=r"no model of this name .*; weights others published need torch: pip install"):
        kvant.load("encodec-24khz")
    assert kvant.load().name == "kvant-voice-24k"


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from kvant.runtime.models import cache

    assert cache() == tmp_path / "cache"
    monkeypatch.delenv("KVANT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache() == tmp_path / "xdg" / "kvant"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache() == tmp_path / ".cache" / "kvant"
