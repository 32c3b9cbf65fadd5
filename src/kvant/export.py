"""Codec -> two ONNX graphs with explicit state, whose weights stay in the model file.

    encoder.onnx   wav [B, T, hop], state...       -> codes [B, K, T], latents [B, D, T], state...
    decoder.onnx   codes int64 [B, k, T], state... -> wav [B, T, hop], state...

B, T and k are free, so the same graph serves whole files, blocks, single frames, and every bitrate. The graphs hold
no weights: each initializer is external data at the place in `model.safetensors` where its tensor lies, as float16
followed by a cast where the file holds float16. One file serves both engines, and both compute in float32.

`codes` are greedy. `latents` are for whoever searches further, at any width and depth, with the codebooks of the model
file; they are there only if sums of the codebooks' vectors are what decodes (`ResidualQuantizer`).
"""

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.errors import ModelError, UsageError
from kvant.files import atomic_write
from kvant.layers.lstm import LSTM
from kvant.layers.mirrored_conv import MirroredConv1d
from kvant.model_file import LAYOUT_KEY, layout_digest, read_layout
from kvant.protocols import Quantizer
from kvant.quantizers import ResidualQuantizer
from kvant.streaming import flatten_state, unflatten_state

OPSET = 18
DTYPES = {"F16": onnx.TensorProto.FLOAT16, "F32": onnx.TensorProto.FLOAT}
INLINE_BYTES = 64 * 1024
UNTRACEABLE = (LSTM, MirroredConv1d)
"""Torch unrolls the one over the frames it is traced with; the other looks at its state to know what to do."""


class EncoderStep(nn.Module):
    """One encoder step with its state as flat arguments."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.encoder, self.quantizer = codec.encoder, codec.quantizer
        self.outputs = ("codes", "latents") if adds_up(codec.quantizer) else ("codes",)

    def forward(self, wav: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        nested = unflatten_state(list(state), self.encoder.initial_state(1))
        latents, nested = self.encoder.step(wav.clamp(-1, 1).reshape(wav.shape[0], 1, -1), nested)
        blocks = (self.quantizer.encode(latents), latents)
        return *blocks[: len(self.outputs)], *flatten_state(nested)


class DecoderStep(nn.Module):
    """One decoder step with its state as flat arguments."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.decoder, self.quantizer, self.hop_length = codec.decoder, codec.quantizer, codec.hop_length

    def forward(self, codes: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        nested = unflatten_state(list(state), self.decoder.initial_state(1))
        wav, nested = self.decoder.step(self.quantizer.decode(codes), nested)
        return wav.reshape(wav.shape[0], -1, self.hop_length), *flatten_state(nested)


def adds_up(quantizer: Quantizer) -> bool:
    """Whether decoding is the sum of one vector of each codebook, as the model file keeps them."""
    return isinstance(quantizer, ResidualQuantizer) and all(book.vectors is book.weight for book in quantizer.codebooks)


def trace(
    step: nn.Module, block: Tensor, state: list[Tensor], names: tuple[str, ...], free: tuple[int, ...]
) -> onnx.ModelProto:
    """The ONNX model of a step. names: of its block in, and of those out; free: axes of the former of any size."""
    states = [f"state_{index}" for index in range(len(state))]
    axes = {axis: torch.export.Dim.DYNAMIC for axis in free}
    shapes = (axes, *({0: torch.export.Dim.DYNAMIC} for _ in state))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            step.eval(),
            (block, *state),
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=OPSET,
            input_names=[names[0], *states],
            output_names=[*names[1:], *(f"{name}_next" for name in states)],
            dynamic_shapes={"wav" if names[0] == "wav" else "codes": axes, "state": shapes[1:]},
        )
    assert program is not None  # only without dynamo
    return program.model_proto


def point_at(model: onnx.ModelProto, weights: Path) -> onnx.ModelProto:
    """Replace the initializers of `model` by references into the safetensors file `weights`, which lies beside it."""
    layout = read_layout(weights)
    model.metadata_props.add(key=LAYOUT_KEY, value=layout_digest(layout))
    graph = model.graph
    for node in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    casts = []
    for initializer in graph.initializer:
        if initializer.name not in layout:
            if len(initializer.raw_data) > INLINE_BYTES:
                raise ModelError(f"{initializer.name}: a large constant that {weights} does not hold")
            continue
        dtype, shape, offset, length = layout[initializer.name]
        if list(initializer.dims) != shape:
            raise ModelError(f"{initializer.name}: shape {list(initializer.dims)} traced, {shape} in {weights}")
        if dtype == "F16":
            stored = f"{initializer.name}.float16"
            casts.append(onnx.helper.make_node("Cast", [stored], [initializer.name], to=onnx.TensorProto.FLOAT))
            initializer.name = stored
        initializer.ClearField("raw_data")
        initializer.ClearField("float_data")
        initializer.data_type = DTYPES[dtype]
        initializer.data_location = onnx.TensorProto.EXTERNAL
        del initializer.external_data[:]
        for key, value in (("location", weights.name), ("offset", str(offset)), ("length", str(length))):
            initializer.external_data.add(key=key, value=value)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def export(weights: Path) -> tuple[Path, Path]:
    """Write encoder.onnx and decoder.onnx beside the model file `weights`; return their paths."""
    codec = load_codec(weights)
    for module in codec.modules():
        if isinstance(module, UNTRACEABLE):
            kind = type(module).__name__
            raise UsageError(f"{weights}: no graph holds its {kind} for blocks of any length; use the model in torch")
    encoder = EncoderStep(codec)
    encoder_state = flatten_state(codec.encoder.initial_state(2))
    decoder_state = flatten_state(codec.decoder.initial_state(2))
    frames = 3
    wav = torch.zeros(2, frames, codec.hop_length)
    # Tracing takes a length of 1 for a constant.
    depth = min(codec.num_codebooks, max(2, codec.num_codebooks - 1))
    codes = torch.zeros(2, depth, frames, dtype=torch.int64)
    free = (0, 1, 2) if codec.num_codebooks > 1 else (0, 2)
    graphs = {
        "encoder.onnx": trace(encoder, wav, encoder_state, ("wav", *encoder.outputs), (0, 1)),
        "decoder.onnx": trace(DecoderStep(codec), codes, decoder_state, ("codes", "wav"), free),
    }
    paths = []
    for name, graph in graphs.items():
        path = weights.with_name(name)
        with atomic_write(path, overwrite=True) as sink:
            sink.write(point_at(graph, weights).SerializeToString(deterministic=True))
        paths.append(path)
    return paths[0], paths[1]
