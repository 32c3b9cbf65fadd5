"""What transformers writes of a codec and reads again; skipped without transformers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from kvant.errors import ModelError
from kvant.importing.published import PUBLISHED
from tests.hub.conftest import imported, recordings
from tests.importing.test_transformers_layouts import TINY, tiny

transformers = pytest.importorskip("transformers")
hub = pytest.importorskip("kvant.hub")


def test_every_bit_comes_back_computed_buffers_too(voice: Any, saved: Path) -> None:
    for kind in (transformers.AutoModel, transformers.AutoModelForAudioTokenization, hub.KvantAudioTokenizer):
        again = kind.from_pretrained(saved)
        assert type(again) is hub.KvantAudioTokenizer
        assert not again.training
        kept = dict(again.named_buffers()) | dict(again.named_parameters())
        own = dict(voice.named_buffers()) | dict(voice.named_parameters())
        assert kept.keys() == own.keys()
        assert all(torch.equal(kept[name], tensor) for name, tensor in own.items())
    assert len(own) > len(voice.state_dict())
    assert sorted(path.name for path in saved.iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, "auto"])
def test_it_computes_in_float32_whatever_is_asked_for(voice: Any, saved: Path, dtype: Any) -> None:
    again = hub.KvantAudioTokenizer.from_pretrained(saved, dtype=dtype)
    assert all(torch.equal(each, voice.get_buffer(name)) for name, each in again.named_buffers())
    wav = torch.from_numpy(recordings()[1])[None, None].bfloat16()
    made, expected = again.encode(wav), voice.encode(wav.float())
    assert torch.equal(made.audio_codes, expected.audio_codes)
    assert torch.get_default_dtype() == torch.float32


def test_a_trained_codebook_goes_on_where_it_was(tmp_path: Path) -> None:
    """Running counts and sums are state, as weights are."""
    model = imported("encodec-24khz", tmp_path)
    with torch.no_grad():
        model.codec.quantizer.codebooks[0].counts += 3
    model.save_pretrained(tmp_path / "saved")
    again = hub.KvantAudioTokenizer.from_pretrained(tmp_path / "saved")
    assert torch.equal(again.codec.quantizer.codebooks[0].counts, model.codec.quantizer.codebooks[0].counts)


def test_the_config_says_what_users_look_for(saved: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(saved)
    assert isinstance(config, hub.KvantConfig)
    assert (config.sampling_rate, config.hop_length, config.frame_rate) == (24000, 320, 75)
    assert (config.num_quantizers, config.codebook_size, config.audio_channels) == (12, 1024, 1)
    assert config.target_bandwidths == [0.75 * levels for levels in range(1, 13)]
    assert (config.codec_name, config.licence) == ("kvant-voice-24k", "CC-BY-SA-4.0")
    assert config.to_dict() == transformers.AutoConfig.from_pretrained(saved).to_dict()


def test_published_weights_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    save_file(tiny("dac-16khz")[0], tmp_path / "theirs.safetensors")
    place = (tmp_path / "theirs.safetensors").as_uri()
    monkeypatch.setitem(PUBLISHED, "dac-16khz", replace(TINY["dac-16khz"], place=place))
    model, heard = hub.KvantAudioTokenizer.from_kvant("dac-16khz"), tiny("dac-16khz")[1]
    assert torch.equal(model.encode(heard["wav"]).audio_codes, heard["codes"])
    with pytest.raises(ModelError, match="nothing-like-it: no model of this name"):
        hub.KvantAudioTokenizer.from_kvant("nothing-like-it")
