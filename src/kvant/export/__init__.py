"""Codec -> two ONNX graphs with explicit state, whose weights stay in the model file.

    encoder.onnx   wav [B, T, hop], state...       -> codes [B, K, T], latents [B, D, T], state...
    decoder.onnx   codes int64 [B, k, T], state... -> wav [B, T, hop], state...

B, T and k are free, so the same graph serves whole files, blocks, single frames, and every bitrate. What looks ahead
has in place of a state `start` int64 [B]: the number of the frame in the signal that the block begins with. An encoder
that completes the last hop by itself takes wav as [B, n, 1].

`codes` are greedy. `latents` are for whoever searches further, at any width and depth, with the codebooks of the model
file; they are there only if sums of the codebooks' vectors are what decodes (`ResidualQuantizer`).
"""

from pathlib import Path

from kvant.checkpoint import load_codec, signal_of
from kvant.errors import ModelError
from kvant.export.graphs import INLINE_BYTES, point_at, trace
from kvant.export.recurrence import make_traceable
from kvant.export.steps import DecoderHalf, EncoderHalf, adds_up
from kvant.files import atomic_write
from kvant.model_file import read_model_file

BESIDE_GRAPHS = ("completes", "first_frames", "encoder_overlap", "decoder_overlap")
"""What of a model file's `signal` the graphs are useless without."""

__all__ = ["INLINE_BYTES", "adds_up", "export"]


def export(weights: Path) -> tuple[Path, Path]:
    """Write encoder.onnx and decoder.onnx beside the model file `weights`; return their paths.

    ModelError: the file does not say what the runtime must know beside the graphs.
    """
    codec = load_codec(weights)
    told, signal = read_model_file(weights).metadata.get("signal", {}), signal_of(codec)
    if any(told.get(name) != signal.get(name) for name in BESIDE_GRAPHS):
        raise ModelError(f"{weights}: does not say how far this codec hears, as those saved now do; import it again")
    make_traceable(codec)
    graphs = {"encoder.onnx": trace(EncoderHalf(codec)), "decoder.onnx": trace(DecoderHalf(codec))}
    paths = []
    for name, graph in graphs.items():
        path = weights.with_name(name)
        with atomic_write(path, overwrite=True) as sink:
            sink.write(point_at(graph, weights).SerializeToString(deterministic=True))
        paths.append(path)
    return paths[0], paths[1]
