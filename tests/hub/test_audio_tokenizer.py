"""A codec among transformers' audio tokenizers: their verbs, and what their own EnCodec gives.

`pip install 'kvant[hub]'`; without transformers these tests are skipped.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kvant.errors import ModelError, UsageError
from tests.hub.conftest import imported, processor, recordings
from tests.importing.test_transformers_layouts import tiny
from tests.speech import speech

transformers = pytest.importorskip("transformers")
hub = pytest.importorskip("kvant.hub")
tokenizing = pytest.importorskip("kvant.hub.audio_tokenizer").tokenizing


class TestUsageOfEncodec:
    """What transformers' documentation does with its EnCodec, with this model in its place."""

    def test_one_recording(self, saved: Path) -> None:
        model = transformers.AutoModel.from_pretrained(saved)
        processor = transformers.AutoProcessor.from_pretrained(saved)
        audio_sample = recordings()[0]
        inputs = processor(raw_audio=audio_sample, sampling_rate=processor.sampling_rate, return_tensors="pt")
        inputs = inputs.to(model.device)
        encoder_outputs = model.encode(inputs["input_values"], inputs["padding_mask"])
        audio_values = model.decode(**encoder_outputs, padding_mask=inputs["padding_mask"])[0]
        again = model(inputs["input_values"], inputs["padding_mask"]).audio_values
        assert encoder_outputs.audio_codes.shape == (1, 12, -(-(12000 + model.codec.pre_skip) // 320))
        assert audio_values.shape == again.shape == (1, 1, 12000)
        assert audio_values.std() > 0.05
        torch.testing.assert_close(again, audio_values, rtol=0, atol=1e-5)
        assert torch.equal(model(**inputs).audio_codes, encoder_outputs.audio_codes)

    def test_a_batch_of_several_lengths(self, voice: Any) -> None:
        """Codes of the frames of a shorter item, and its samples, are those it has alone."""
        wavs = recordings()
        inputs = processor(voice)(raw_audio=wavs, sampling_rate=24000, return_tensors="pt", padding=True)
        assert inputs["padding_mask"].sum(1).tolist() == [12000, 7000]
        codes = voice.encode(**inputs).audio_codes
        values = voice.decode(codes, padding_mask=inputs["padding_mask"]).audio_values
        for wav, own_codes, own_values in zip(wavs, codes, values, strict=True):
            alone = voice.encode(torch.from_numpy(wav)[None, None]).audio_codes
            frames = alone.shape[-1]
            assert torch.equal(own_codes[:, :frames], alone[0])
            expected = voice.codec.decode(alone, len(wav))[0]
            torch.testing.assert_close(own_values[:, : len(wav)], expected, rtol=0, atol=1e-5)

    def test_what_the_mask_leaves_out_is_silent(self, voice: Any) -> None:
        noisy = torch.from_numpy(recordings()[0])[None, None]
        mask = torch.ones(1, 12000, dtype=torch.int64)
        mask[:, 6000:] = 0
        silent = noisy * mask[:, None]
        for each in (mask, mask[:, None], mask[:, None].bool()):
            assert torch.equal(voice.encode(noisy, each).audio_codes, voice.encode(silent).audio_codes)
        assert not torch.equal(voice.encode(noisy).audio_codes, voice.encode(silent).audio_codes)

    def test_tuples_for_those_who_ask(self, voice: Any) -> None:
        wav = torch.from_numpy(recordings()[1])[None, None]
        (codes,) = voice.encode(wav, return_dict=False)
        (values,) = voice.decode(codes, return_dict=False)
        again, heard = voice(wav, return_dict=False)
        assert torch.equal(codes, again)
        torch.testing.assert_close(values[..., :7000], heard, rtol=0, atol=1e-5)


def test_transformers_own_encodec_gives_the_same(tmp_path: Path) -> None:
    """The same weights, in its class and in this."""
    config = transformers.EncodecConfig(
        num_filters=4,
        upsampling_ratios=[3, 2],
        hidden_size=6,
        codebook_size=16,
        target_bandwidths=[16.0, 32.0, 48.0],
    )
    theirs = transformers.EncodecModel(config).eval()
    theirs.load_state_dict(tiny("encodec-24khz")[0])
    ours = imported("encodec-24khz", tmp_path)
    assert ours.config.target_bandwidths == config.target_bandwidths
    extractor = transformers.EncodecFeatureExtractor()
    inputs = extractor(recordings()[0][:303], sampling_rate=24000, return_tensors="pt")
    for bandwidth in config.target_bandwidths:
        expected = theirs(inputs["input_values"], bandwidth=bandwidth)
        made = ours(inputs["input_values"], bandwidth=bandwidth)
        assert torch.equal(made.audio_codes, expected.audio_codes[0])
        torch.testing.assert_close(made.audio_values, expected.audio_values, rtol=0, atol=1e-5)
        encoded = ours.encode(inputs["input_values"], bandwidth=bandwidth)
        assert torch.equal(encoded.audio_codes, made.audio_codes)


class TestDepth:
    def test_a_bandwidth_is_a_number_of_levels(self, voice: Any) -> None:
        wav = torch.from_numpy(recordings()[1])[None, None]
        for bandwidth, levels in ((0.75, 1), (3.0, 4), (3.7, 4), (6, 8), (24, 12)):
            codes = voice.encode(wav, bandwidth=bandwidth).audio_codes
            assert codes.shape[1] == levels
            assert torch.equal(voice.encode(wav, num_quantizers=levels).audio_codes, codes)

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({"bandwidth": 0.5}, "the lowest is 0.75 kbit/s"),
            ({"num_quantizers": 13}, "there are 1 to 12"),
            ({"num_quantizers": 0}, "there are 1 to 12"),
            ({"num_quantizers": 2, "bandwidth": 1.5}, "give one"),
        ],
    )
    def test_what_there_is_not(self, voice: Any, asked: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            voice.encode(torch.zeros(1, 1, 640), **asked)

    def test_shapes_are_checked(self, voice: Any) -> None:
        for shape in ((640,), (1, 640), (1, 2, 640)):
            with pytest.raises(UsageError, match=r"must be \[B, 1, N\]"):
                voice.encode(torch.zeros(shape))


class TestTraining:
    def test_codes_can_be_trained_on(self, voice: Any) -> None:
        """As labels, and through an embedding: they are no inference tensors."""
        codes = voice.encode(torch.from_numpy(recordings()[1])[None, None]).audio_codes
        embedding = nn.Embedding(1024, 4)
        embedding(codes).square().sum().backward()
        assert embedding.weight.grad is not None
        assert embedding.weight.grad.abs().sum() > 0

    def test_forward_has_a_gradient(self, tmp_path: Path) -> None:
        model = imported("encodec-24khz", tmp_path)
        wav: Tensor = speech(0.05)
        model(wav).audio_values.square().sum().backward()
        silent = [name for name, each in model.named_parameters() if each.grad is None or not each.grad.any()]
        assert silent == []


def test_an_architecture_that_is_not_known_here() -> None:
    with pytest.raises(ModelError, match="architecture '' is not known here"):
        hub.KvantAudioTokenizer(hub.KvantConfig())


@pytest.mark.parametrize("config", [[], {"features": []}, {"features": {"num_bins": 0}}, {"wings": 2}], ids=str)
def test_a_config_that_builds_no_codec(config: Any) -> None:
    with pytest.raises(ModelError, match="voice: its config builds no codec"):
        hub.KvantConfig(architecture="frame", codec_config=config, codec_name="voice").build()


def test_codes_take_whole_bits() -> None:
    """As in a stream: 8 of a codebook of 240, not log2 240; so a bandwidth means as many levels as there."""
    config = hub.KvantConfig(codebook_sizes=[240, 240, 2], sampling_rate=24000, hop_length=240)
    assert config.target_bandwidths == [0.8, 1.6, 1.7]


def test_codes_with_something_beside_them_are_refused() -> None:
    """As a codec of segments gives, which is no `Codec`."""
    with pytest.raises(UsageError, match="loud: gives more than codes"):
        tokenizing(nn.Identity(), "loud")
