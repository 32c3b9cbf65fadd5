"""The exported graphs are the codec: same codes, same waveform, for any batch, length, depth and chunking."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

import kvant
from kvant.checkpoint import load_codec, save_codec
from kvant.codec import Codec
from kvant.codecs import frame
from kvant.errors import ModelError
from kvant.export import INLINE_BYTES, adds_up, export
from kvant.layers.context import ContextConfig
from kvant.model_file import read_layout
from kvant.quantizers import EMACodebook, ResidualQuantizer, VectorQuantizer
from tests.near_ties import count_near_ties
from tests.plain_beam import count_beam_ties
from tests.speech import speech
from tests.wide_awake import wake_codec

CONFIG = frame.Config(
    latent_dim=24,
    num_codebooks=5,
    codebook_size=256,
    encoder=ContextConfig(channels=48, hidden=64, dilations=(1, 2)),
    decoder=ContextConfig(channels=32, hidden=48, dilations=(2,)),
)
HOP = CONFIG.features.num_bins
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 75), (3, 40)]
every_shape = pytest.mark.parametrize(("batch", "frames"), SHAPES)


class Engine:
    """A graph of `kvant.export` in onnxruntime, stepped with explicit state."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = self.session.get_inputs()
        self.outputs = [entry.name for entry in self.session.get_outputs()]

    def initial_state(self, batch: int) -> list[np.ndarray]:
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        return [np.zeros((batch, *entry.shape[1:]), kinds[entry.type]) for entry in self.inputs[1:]]

    def step(
        self, block: np.ndarray, state: list[np.ndarray], output: str | None = None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        names = [entry.name for entry in self.inputs]
        wanted = [output or self.outputs[0], *(f"{name}_next" for name in names[1:])]
        out, *state = self.session.run(wanted, dict(zip(names, [block, *state], strict=True)))
        return out, state

    def whole(self, block: np.ndarray, output: str | None = None) -> np.ndarray:
        return self.step(block, self.initial_state(len(block)), output)[0]

    def frame_by_frame(self, block: np.ndarray, axis: int) -> np.ndarray:
        state, outputs = self.initial_state(len(block)), []
        for part in np.split(block, block.shape[axis], axis):
            out, state = self.step(part, state)
            outputs.append(out)
        return np.concatenate(outputs, axis=-1 if axis == 1 else 1)


class Exported(NamedTuple):
    """A codec as its model file gives it back, and the graphs beside the file."""

    codec: Codec
    folder: Path
    encoder: Engine
    decoder: Engine


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Exported once: tracing takes longer than all tests together."""
    folder = tmp_path_factory.mktemp("exported")
    weights = folder / "model.safetensors"
    torch.manual_seed(0)
    save_codec(weights, wake_codec(frame.build(CONFIG), seconds=8), "frame", CONFIG, {"name": "exported"})
    encoder, decoder = export(weights)
    return Exported(load_codec(weights), folder, Engine(encoder), Engine(decoder))


def frames_of(wav: Tensor) -> np.ndarray:
    """wav [B, 1, T * hop] as the graphs take it: [B, T, hop]."""
    return wav.reshape(len(wav), -1, HOP).numpy()


def assert_same_codes(codec: Codec, wav: Tensor, codes: np.ndarray) -> None:
    """Equal to torch's but for ties closer than 1e-4, at most one frame in a thousand (or one in all)."""
    with torch.no_grad():
        latents = codec.encoder(wav.clamp(-1, 1))
        reference = codec.quantizer.encode(latents)
    ties = count_near_ties(codec.quantizer, latents, torch.from_numpy(codes), reference, closest=1e-4)
    assert ties <= max(1, reference[:, 0].numel() // 1000)


def assert_close(wav: np.ndarray, reference: np.ndarray) -> None:
    assert wav.shape == reference.shape
    assert np.abs(wav - reference).max() < 1e-5 * max(1, np.abs(reference).max())


def random_codes(batch: int, depth: int, frames: int) -> np.ndarray:
    return np.random.default_rng(frames).integers(CONFIG.codebook_size, size=(batch, depth, frames))


@every_shape
def test_codes_are_those_of_torch(exported: Exported, batch: int, frames: int) -> None:
    wav = speech(frames * HOP / 24000, batch=batch, seed=frames)
    assert_same_codes(exported.codec, wav, exported.encoder.whole(frames_of(wav)))


def test_codes_of_a_thousand_frames_are_those_of_torch(exported: Exported) -> None:
    wav = speech(1125 * HOP / 24000, seed=1)
    assert_same_codes(exported.codec, wav, exported.encoder.whole(frames_of(wav)))


@every_shape
def test_latents_are_those_of_torch(exported: Exported, batch: int, frames: int) -> None:
    wav = 3 * speech(frames * HOP / 24000, batch=batch, seed=frames)
    with torch.no_grad():
        reference = exported.codec.encoder(wav.clamp(-1, 1)).numpy()
    assert_close(exported.encoder.whole(frames_of(wav), "latents"), reference)


def test_a_beam_is_that_of_torch(exported: Exported) -> None:
    """The runtime searches the codebooks of the model file for the graph's latents, at any depth."""
    wav = speech(4.0, batch=2, seed=6)[..., : 300 * HOP - 320]
    runtime = kvant.load(str(exported.folder))
    books = [book.vectors.detach().numpy() for book in exported.codec.quantizer.codebooks]
    with torch.no_grad():
        latents = exported.codec.encoder(exported.codec.pad(wav)).numpy()
    for depth, beam in ((5, 2), (3, 6), (1, 4)):
        codes = runtime.encode(wav[:, 0].numpy(), 24000, depth, beam).codes
        others = exported.codec.encode(wav, depth, beam).numpy()
        for item in range(2):
            count_beam_ties(latents[item].T, books, codes[item], others[item], beam, closest=1e-4)


def test_latents_are_given_only_where_codebooks_add_up(exported: Exported) -> None:
    """Whoever searches by the model file's vectors must be searching what the decoder will add."""
    codec = exported.codec
    assert adds_up(codec.quantizer)
    assert exported.encoder.outputs[:2] == ["codes", "latents"]
    assert not adds_up(VectorQuantizer(EMACodebook(8, 24)))
    assert not adds_up(ResidualQuantizer([Rescaled(8, 24) for _ in range(2)]))


class Rescaled(EMACodebook):
    """A codebook that decodes to something else than the file keeps."""

    @property
    def vectors(self) -> Tensor:
        return 2 * self.weight


def test_wav_is_clipped_as_torch_does(exported: Exported) -> None:
    wav = 5 * speech(20 * HOP / 24000)
    assert_same_codes(exported.codec, wav, exported.encoder.whole(frames_of(wav)))


@every_shape
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_wav_is_that_of_torch(exported: Exported, batch: int, frames: int, depth: int) -> None:
    codes = random_codes(batch, depth, frames)
    with torch.no_grad():
        reference = exported.codec.decoder(exported.codec.quantizer.decode(torch.from_numpy(codes)))
    assert_close(exported.decoder.whole(codes), frames_of(reference))


def test_frame_by_frame_is_the_whole(exported: Exported) -> None:
    wav = speech(60 * HOP / 24000, batch=2, seed=3)
    assert_same_codes(exported.codec, wav, exported.encoder.frame_by_frame(frames_of(wav), axis=1))
    codes = random_codes(2, 5, 60)
    assert_close(exported.decoder.frame_by_frame(codes, axis=2), exported.decoder.whole(codes))


def test_states_begin_at_zero_in_both_engines(exported: Exported) -> None:
    """An engine knows no more of a state than its shape and type: zeros must be right, and shapes those of torch."""
    from kvant.streaming import flatten_state

    for engine, part in ((exported.encoder, exported.codec.encoder), (exported.decoder, exported.codec.decoder)):
        expected = flatten_state(part.initial_state(3))
        for zeros, tensor in zip(engine.initial_state(3), expected, strict=True):
            assert np.array_equal(zeros, tensor.numpy())
            assert zeros.dtype == tensor.numpy().dtype


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
class TestFile:
    def test_weights_are_references_into_the_model_file(self, exported: Exported, name: str) -> None:
        model = onnx.load(str(exported.folder / name), load_external_data=False)
        layout = read_layout(exported.folder / "model.safetensors")
        referred = 0
        for initializer in model.graph.initializer:
            if initializer.data_location == onnx.TensorProto.EXTERNAL:
                entry = {item.key: item.value for item in initializer.external_data}
                _, shape, offset, length = layout[initializer.name.removesuffix(".float16")]
                assert entry == {"location": "model.safetensors", "offset": str(offset), "length": str(length)}
                assert list(initializer.dims) == shape
                referred += length
            else:
                assert len(initializer.raw_data) <= INLINE_BYTES
        assert referred > 100_000
        assert (exported.folder / name).stat().st_size < 200_000

    def test_nothing_in_it_tells_of_the_machine_it_was_made_on(self, exported: Exported, name: str) -> None:
        data = (exported.folder / name).read_bytes()
        for place in (Path(kvant.__file__).parent, Path(torch.__file__).parent, exported.folder):
            assert str(place).encode() not in data

    def test_it_passes_the_checker(self, exported: Exported, name: str) -> None:
        onnx.checker.check_model(str(exported.folder / name))


def test_graphs_follow_the_weights_beside_them(exported: Exported, tmp_path: Path) -> None:
    """Another codec of the same config and name: the same graphs, put beside its file, compute that codec."""
    torch.manual_seed(1)
    save_codec(
        tmp_path / "model.safetensors", wake_codec(frame.build(CONFIG), 8), "frame", CONFIG, {"name": "exported"}
    )
    for name in ("encoder.onnx", "decoder.onnx"):
        (tmp_path / name).write_bytes((exported.folder / name).read_bytes())
    layouts = [read_layout(folder / "model.safetensors") for folder in (exported.folder, tmp_path)]
    assert layouts[0] == layouts[1]
    other = load_codec(tmp_path / "model.safetensors")
    wav = speech(30 * HOP / 24000, seed=9)
    assert_same_codes(other, wav, Engine(tmp_path / "encoder.onnx").whole(frames_of(wav)))
    codes = random_codes(1, 5, 30)
    with torch.no_grad():
        reference = other.decoder(other.quantizer.decode(torch.from_numpy(codes)))
    assert_close(Engine(tmp_path / "decoder.onnx").whole(codes), frames_of(reference))
    assert np.abs(exported.decoder.whole(codes) - frames_of(reference)).max() > 1e-2


def test_graphs_of_a_file_laid_out_otherwise_are_refused(exported: Exported, tmp_path: Path) -> None:
    """Metadata of another length move every tensor: graphs exported before would read weights from the wrong place."""
    for name in ("encoder.onnx", "decoder.onnx"):
        (tmp_path / name).write_bytes((exported.folder / name).read_bytes())
    record = {"name": "exported", "note": "trained for another week"}
    save_codec(tmp_path / "model.safetensors", exported.codec, "frame", CONFIG, record)

    def use() -> None:
        codec = kvant.load(str(tmp_path))
        codec.decode(codec.encode(speech(0.5).numpy()[0], 24000))

    with pytest.raises(ModelError, match="export"):
        use()
