"""A traced half of a codec as an ONNX graph without weights: each lies in the model file, and is referred to.

Each initializer is external data at the place in `model.safetensors` where its tensor lies, as float16 followed by a
cast where the file holds float16. One file serves both engines, and both compute in float32.
"""

import warnings
from pathlib import Path

import onnx
import torch

from kvant.errors import ModelError
from kvant.export.recurrence import TRANSLATIONS
from kvant.export.steps import Half
from kvant.model_file import LAYOUT_KEY, layout_digest, read_layout

OPSET = 18
DTYPES = {"F16": onnx.TensorProto.FLOAT16, "F32": onnx.TensorProto.FLOAT}
INLINE_BYTES = 64 * 1024


def trace(half: Half) -> onnx.ModelProto:
    """The ONNX model of half a codec."""
    axes = {axis: torch.export.Dim.DYNAMIC for axis in half.free}
    states = tuple({0: torch.export.Dim.DYNAMIC} for _ in half.state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            half.eval(),
            (half.block, *half.state),
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=OPSET,
            input_names=half.inputs,
            output_names=half.outputs,
            dynamic_shapes={half.inputs[0]: axes, "state": states},
            custom_translation_table=TRANSLATIONS,
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
