"""Model files: what goes in comes out, the digest names the weights and nothing else, damage is a named error."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from kvant.checkpoint import load_codec, save_codec, tensors_of
from kvant.codec import Codec
from kvant.codecs import frame
from kvant.errors import ModelError
from kvant.layers.context import ContextConfig
from kvant.layers.spectral_features import FeatureConfig
from kvant.model_file import decoder_digest, digest, read_model_file, write_model_file
from tests.speech import speech
from tests.wide_awake import wake_codec

CONFIG = frame.Config(
    latent_dim=12,
    num_codebooks=3,
    codebook_size=32,
    features=FeatureConfig(num_bins=64, num_coefficients=24, num_bands=6),
    encoder=ContextConfig(channels=16, hidden=24, dilations=(1, 2)),
    decoder=ContextConfig(channels=8, hidden=12, dilations=(1,)),
)


@pytest.fixture(scope="module")
def codec() -> Codec:
    torch.manual_seed(0)
    return wake_codec(frame.build(CONFIG), seconds=4)


@pytest.fixture
def path(codec: Codec, tmp_path: Path) -> Path:
    """A saved model."""
    save_codec(tmp_path / "model.safetensors", codec, "frame", CONFIG, {"name": "test", "licence": "MIT"})
    return tmp_path / "model.safetensors"


def rewrite(path: Path, change: Callable[[dict[str, np.ndarray], dict[str, object]], None]) -> Path:
    """Another file with the model's tensors and metadata after `change`."""
    model = read_model_file(path)
    tensors, metadata = dict(model.tensors), dict(model.metadata)
    change(tensors, metadata)
    other = path.with_name("other.safetensors")
    write_model_file(other, tensors, metadata, overwrite=True)
    return other


class TestRoundTrip:
    def test_the_loaded_codec_is_the_saved_one_rounded_to_half_precision(self, codec: Codec, path: Path) -> None:
        loaded = load_codec(path)
        assert not loaded.training
        for name, tensor in tensors_of(codec).items():
            assert torch.equal(loaded.state_dict()[name], torch.from_numpy(tensor).float()), name
        half = {name: tensor.dtype.name for name, tensor in read_model_file(path).tensors.items()}
        assert half["encoder.enter.weight"] == half["quantizer.codebooks.0.weight"] == "float16"
        assert half["encoder.analysis.dct"] == half["decoder.synthesis.window"] == "float32"

    def test_a_loaded_codec_saves_to_the_same_model(self, path: Path) -> None:
        """Rounding happens once: the second generation codes and decodes bit for bit like the first."""
        first = load_codec(path)
        again = path.with_name("again.safetensors")
        save_codec(again, first, "frame", CONFIG, {"name": "again"})
        second = load_codec(again)
        wav = speech(0.5)
        assert torch.equal(first.encode(wav), second.encode(wav))
        assert torch.equal(first.decode(first.encode(wav)), second.decode(second.encode(wav)))
        assert digest(read_model_file(path).tensors) == digest(read_model_file(again).tensors)

    def test_training_continues_from_a_loaded_codec_without_starting_over(self, path: Path) -> None:
        """With 10 latents for 32 codes in the first step, which a k-means start would take for a third of them."""
        loaded = load_codec(path)
        before = [book.vectors.clone() for book in loaded.quantizer.codebooks]
        with torch.no_grad():
            loaded.train()(speech(0.3)[..., : 9 * 64])
        for book, old in zip(loaded.quantizer.codebooks, before):
            assert (book.vectors - old).norm() < 0.2 * old.norm()

    def test_statistics_of_training_stay_out(self, path: Path) -> None:
        names = read_model_file(path).tensors
        assert not [name for name in names if name.rsplit(".")[-1] in ("usage", "steps", "started", "counts", "sums")]

    def test_metadata_say_what_the_model_is(self, codec: Codec, path: Path) -> None:
        model = read_model_file(path)
        assert (model.name, model.metadata["licence"], model.metadata["architecture"]) == ("test", "MIT", "frame")
        assert model.metadata["config"] == json.loads(json.dumps(dataclasses.asdict(CONFIG)))
        assert model.metadata["signal"]["hop_length"] == codec.hop_length == 64

    def test_config_survives_json(self, path: Path) -> None:
        loaded = load_codec(path)
        assert [block.depthwise.conv.dilation for block in loaded.encoder.context.parts] == [(1,), (2,)]
        assert loaded.encoder.features.config == CONFIG.features


class TestDigest:
    def test_layout_and_metadata_do_not_matter(self, path: Path) -> None:
        """Tensors in reverse order, other metadata: the same model."""
        tensors = read_model_file(path).tensors
        save_file(dict(reversed(tensors.items())), path.with_name("plain.safetensors"))
        assert digest(load_file(path.with_name("plain.safetensors"))) == digest(tensors)
        other = rewrite(path, lambda _, metadata: metadata.update(name="renamed"))
        assert digest(read_model_file(other).tensors) == digest(tensors)

    @pytest.mark.parametrize(
        "name", ["encoder.enter.weight", "decoder.synthesis.window", "quantizer.codebooks.1.weight"]
    )
    def test_one_bit_of_one_weight_matters(self, path: Path, name: str) -> None:
        tensors = dict(read_model_file(path).tensors)
        before = digest(tensors)
        flipped = tensors[name].copy()
        flipped.reshape(-1).view(np.uint8)[-2] ^= 1
        tensors[name] = flipped
        assert digest(tensors) != before

    def test_names_shapes_and_types_matter(self) -> None:
        ones = np.ones((2, 3), np.float32)
        variants = [{"a": ones}, {"b": ones}, {"a": ones.T.copy()}, {"a": ones.view(np.int32)}, {"a": ones, "b": ones}]
        assert len({digest(variant) for variant in variants}) == len(variants)

    def test_byte_order_in_memory_does_not(self) -> None:
        ones = np.arange(6, dtype=np.float32)
        assert digest({"a": ones.astype(">f4")}) == digest({"a": ones})

    def test_a_retrained_encoder_keeps_the_decoder_digest(self, path: Path) -> None:
        tensors = dict(read_model_file(path).tensors)
        before = decoder_digest(tensors)
        for part, same in (("encoder", True), ("decoder", False), ("quantizer", False)):
            names = [name for name in tensors if name.startswith(part)]
            changed = tensors | {name: tensors[name] + tensors[name].dtype.type(1) for name in names[:1]}
            assert (decoder_digest(changed) == before) == same, part
            assert digest(changed) != digest(tensors)


class TestErrors:
    def test_unknown_architecture(self, path: Path) -> None:
        other = rewrite(path, lambda _, metadata: metadata.update(architecture="wavelet"))
        with pytest.raises(ModelError, match=r"wavelet.*known: frame"):
            load_codec(other)

    @pytest.mark.parametrize("field", ["architecture", "config"])
    def test_missing_metadata(self, path: Path, field: str) -> None:
        other = rewrite(path, lambda _, metadata: metadata.pop(field))
        with pytest.raises(ModelError, match=field):
            load_codec(other)

    @pytest.mark.parametrize("place", [(), ("features",), ("encoder",)], ids=str)
    def test_unknown_field(self, path: Path, place: tuple[str, ...]) -> None:
        def add(_: dict[str, np.ndarray], metadata: dict[str, object]) -> None:
            values = metadata["config"]
            for name in place:
                values = values[name]
            values["wings"] = 2

        with pytest.raises(ModelError, match=r"unknown fields \['wings'\]"):
            load_codec(rewrite(path, add))

    @pytest.mark.parametrize(
        ("field", "value"), [("latent_dim", "many"), ("features", 3), ("encoder", None), ("codebook_size", -1)]
    )
    def test_a_config_that_builds_no_codec(self, path: Path, field: str, value: object) -> None:
        other = rewrite(path, lambda _, metadata: metadata["config"].update({field: value}))
        with pytest.raises(ModelError, match="config"):
            load_codec(other)

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
    def test_truncated_file(self, path: Path, share: float) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ModelError, match="not a readable model file"):
            load_codec(path)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="no such model file"):
            load_codec(tmp_path / "nothing.safetensors")

    def test_missing_tensor(self, path: Path) -> None:
        other = rewrite(path, lambda tensors, _: tensors.pop("decoder.leave.weight"))
        with pytest.raises(ModelError, match=r"decoder\.leave\.weight"):
            load_codec(other)

    def test_tensor_too_many(self, path: Path) -> None:
        other = rewrite(path, lambda tensors, _: tensors.update(extra=np.zeros(3, np.float32)))
        with pytest.raises(ModelError, match="extra"):
            load_codec(other)

    def test_tensor_of_another_shape(self, path: Path) -> None:
        other = rewrite(path, lambda tensors, _: tensors.update({"encoder.leave.bias": np.zeros(7, np.float32)}))
        with pytest.raises(ModelError, match=r"encoder\.leave\.bias"):
            load_codec(other)

    def test_foreign_safetensors(self, tmp_path: Path) -> None:
        save_file({"weight": np.zeros(3, np.float32)}, tmp_path / "foreign.safetensors", {"format": "pt"})
        with pytest.raises(ModelError, match="not a Kvant model"):
            load_codec(tmp_path / "foreign.safetensors")

    def test_a_newer_format(self, path: Path) -> None:
        save_file(
            read_model_file(path).tensors, path, {"format": "kvant-codec", "format_version": "2", "name": '"later"'}
        )
        with pytest.raises(ModelError, match="newer than this Kvant"):
            load_codec(path)

    def test_a_pickle_is_not_opened(self, tmp_path: Path) -> None:
        torch.save({"weight": torch.zeros(3)}, tmp_path / "model.safetensors")
        with pytest.raises(ModelError, match="not a readable model file"):
            load_codec(tmp_path / "model.safetensors")
