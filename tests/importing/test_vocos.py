"""Vocos' published files: every name has its place, EnCodec's file beside the first, and what the package made of both.

`vocos_encodec_24khz_names.txt` and `vocos_mel_24khz_names.txt` list the published states of vocos 0.1.0.
`vocos_tiny.safetensors` holds random weights of a small decoder behind the EnCodec of `encodec_tiny.safetensors`, and
what the package decodes of the codes there, at one and three levels. `vocos_mel_tiny.safetensors`: a small vocoder, a
wav, its mel spectra and what it makes of them.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.codecs import vocos, vocos_mel
from kvant.codecs.mirrored import MirroredCodec
from kvant.decoders.vocos import BackboneConfig
from kvant.errors import ModelError
from kvant.importing import published as known
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.vocoder import load_vocos_mel
from kvant.layers.seanet import SEANetConfig
from kvant.model_file import read_model_file
from tests.importing import test_encodec

FIXTURES = Path(__file__).parent / "fixtures"
RELEASE = known.PUBLISHED["vocos-encodec-24khz"]
TINY = dataclasses.replace(
    RELEASE,
    config=vocos.Config(
        latent_dim=6,
        num_codebooks=3,
        codebook_size=16,
        seanet=SEANetConfig(filters=4, strides=(2, 3)),
        edges="mirror",
        backbone=BackboneConfig(16, 24, blocks=2),
        window_length=24,
        trained_depths=(1, 2),
    ),
)


def split(file: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(weights, heard) of a fixture."""
    content = load_file(FIXTURES / file)
    heard = {name.removeprefix("heard."): content.pop(name) for name in list(content) if name.startswith("heard.")}
    return content, heard


def names(file: str) -> dict[str, tuple[int, ...]]:
    lines = map(str.split, (FIXTURES / file).read_text().splitlines())
    return {name: tuple(map(int, shape.split(","))) for name, shape in lines}


def fill_tiny() -> Codec:
    """Of both states, as the official package has them in one."""
    front = {vocos.ENCODEC + name: tensor for name, tensor in test_encodec.tiny()[0].items()}
    return fill(TINY, split("vocos_tiny.safetensors")[0] | front)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The decoder's file, and EnCodec's."""
    torch.save(split("vocos_tiny.safetensors")[0], tmp_path / "pytorch_model.bin")
    torch.save(test_encodec.tiny()[0], tmp_path / "encodec.th")
    return tmp_path / "pytorch_model.bin", tmp_path / "encodec.th"


def test_codes_and_waveform_are_those_of_the_official_package(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Of two files, one model; a depth that it was not trained for is taken for the one below."""
    model = tmp_path / "model.safetensors"
    record = import_checkpoint("vocos-encodec-24khz", TINY, files[0], model, {}, files[1])
    codec, codes, decoded = load_codec(model), test_encodec.tiny()[1]["codes"], split("vocos_tiny.safetensors")[1]
    assert isinstance(codec, MirroredCodec)
    assert torch.equal(codec.encode(test_encodec.tiny()[1]["wav"]), codes)
    for levels in (1, 3):
        expected = decoded[f"decoded_{levels}"]
        assert expected.std() > 0.1
        torch.testing.assert_close(codec.decode(codes[:, :levels]), expected, rtol=0, atol=1e-5)
    assert record["source"]["companion"]["file"] == "encodec_24khz-d7cc33bc.th"
    assert read_model_file(model).metadata["licence"]["weights"].startswith("MIT; of the encoder")


def test_silence_at_the_edges_instead(files: tuple[Path, Path], tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    import_checkpoint("vocos-encodec-24khz", TINY, files[0], model, {"edges": "silence"}, files[1])
    codec = load_codec(model)
    assert not isinstance(codec, MirroredCodec)
    assert codec.encode(torch.zeros(1, 1, 13)).shape == (1, 3, 3)
    assert codec.latency == fill_tiny().latency == 6 + 10 * 6 + 2, "the decoder looks further than the first frames do"


def test_chunks_behind_a_mirrored_encoder_are_the_whole() -> None:
    """Those of encoding begin with as many hops as it mirrors."""
    codec, wav = fill_tiny(), test_encodec.tiny()[1]["wav"]
    codes = codec.encode(wav)
    assert torch.equal(codec.encode(wav, chunk=7), codes)
    torch.testing.assert_close(codec.decode(codes, chunk=4), codec.decode(codes), rtol=0, atol=1e-6)


def test_every_published_tensor_has_its_place() -> None:
    """Both files' tensors, each all of one value of its own; codebooks agree."""
    front = {f"feature_extractor.encodec.{name}": shape for name, shape in names("encodec_24khz_names.txt").items()}
    own = names("vocos_encodec_24khz_names.txt")
    assert len(own) == 82
    state = {name: torch.full(shape, float(n)) for n, (name, shape) in enumerate((front | own).items(), start=1)}
    books = [f"feature_extractor.encodec.quantizer.vq.layers.{k}._codebook.embed" for k in range(16)]
    state["feature_extractor.codebook_weights"] = torch.cat([state[name] for name in books])
    ours = fill(RELEASE, state).state_dict()
    expected = {
        "encoder.parts.15.conv.bias": "feature_extractor.encodec.encoder.model.15.conv.conv.bias",
        "decoder.decoder.enter.weight": "backbone.embed.weight",
        "decoder.decoder.norm.scale.weight": "backbone.norm.scale.weight",
        "decoder.decoder.blocks.7.depthwise.weight": "backbone.convnext.7.dwconv.weight",
        "decoder.decoder.blocks.6.norm.shift.weight": "backbone.convnext.6.norm.shift.weight",
        "decoder.decoder.blocks.5.expand.bias": "backbone.convnext.5.pwconv1.bias",
        "decoder.decoder.blocks.4.project.bias": "backbone.convnext.4.pwconv2.bias",
        "decoder.decoder.blocks.3.scale": "backbone.convnext.3.gamma",
        "decoder.decoder.last_norm.weight": "backbone.final_layer_norm.weight",
        "decoder.decoder.head.leave.weight": "head.out.weight",
        "quantizer.codebooks.15.weight": books[15],
    }
    for name, theirs in expected.items():
        assert (ours[name] == state[theirs].flatten()[0]).all(), name
    assert sum(name.startswith("decoder.") for name in ours) == len(own) - 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda front: front.update({"extra": torch.zeros(1)}), "unknown: extra"),
        (lambda front: front.pop("encoder.model.0.conv.conv.bias"), "missing: encoder.parts.0.conv.bias"),
        (lambda front: front["quantizer.vq.layers.1._codebook.embed"].add_(0.1), "codebooks are not those"),
    ],
)
def test_an_encodec_that_does_not_fit_is_refused(
    change: Callable, message: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    front = {name: tensor.clone() for name, tensor in test_encodec.tiny()[0].items()}
    change(front)
    torch.save(front, tmp_path / "other.th")
    with pytest.raises(ModelError, match=message):
        import_checkpoint("tiny", TINY, files[0], tmp_path / "model.safetensors", {}, tmp_path / "other.th")


class TestVocoder:
    def test_every_published_tensor_has_its_place(self) -> None:
        theirs = {name: torch.empty(shape, device="meta") for name, shape in names("vocos_mel_24khz_names.txt").items()}
        ours = vocos_mel.build(vocos_mel.Config()).state_dict()
        without = [name for name in theirs if name.endswith(("window", "fb"))]
        assert len(without) == 3
        for name in without:
            del theirs[name]
        converted = vocos_mel.from_official(theirs)
        assert {name: tensor.shape for name, tensor in converted.items()} == {n: t.shape for n, t in ours.items()}

    def test_mel_spectra_and_waveform_are_those_of_the_official_package(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weights, heard = split("vocos_mel_tiny.safetensors")
        save_file(weights, tmp_path / "tiny.safetensors")
        config = vocos_mel.Config(24000, 64, 16, 12, BackboneConfig(16, 24, blocks=2))
        monkeypatch.setattr(vocos_mel, "PUBLISHED", dataclasses.replace(vocos_mel.PUBLISHED, config=config))
        vocoder = load_vocos_mel(tmp_path / "tiny.safetensors")
        with torch.no_grad():
            torch.testing.assert_close(vocoder.features(heard["wav"]), heard["mel"], rtol=0, atol=1e-4)
            decoded = vocoder.decode(heard["mel"])
            again = vocoder(heard["wav"])
        assert decoded.std() > 0.1
        torch.testing.assert_close(decoded, heard["decoded"], rtol=0, atol=1e-5)
        assert again.shape == heard["wav"].shape
        torch.testing.assert_close(again[..., : decoded.shape[-1]], decoded, rtol=0, atol=1e-3)

    def test_another_file_is_refused(self, files: tuple[Path, Path]) -> None:
        for file in files:
            with pytest.raises(ModelError, match="of no layout that is known"):
                load_vocos_mel(file)
