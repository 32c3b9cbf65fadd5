"""A codec by the name or the folder of its model."""

from kvant.extras import import_extra
from kvant.model_file import read_model_file
from kvant.runtime.codec import Codec
from kvant.runtime.models import DEFAULT, ENCODER_GRAPH, WEIGHTS, find


def load(name_or_path: str = DEFAULT, threads: int = 1) -> Codec:
    """The codec of a shipped model or of a model folder: on onnxruntime with graphs of `kvant export`, else on torch.

    threads: of onnxruntime or of torch, whose setting for the process stays as it is. One is the default: single frames
    are too small to share, and a stream is not held up by whatever else the other cores do.

    ModelError: no such model, or its files are damaged. UsageError: torch is needed, and not installed.
    """
    folder = find(str(name_or_path))
    if (folder / ENCODER_GRAPH).is_file():
        return Codec(read_model_file(folder / WEIGHTS), threads)
    torch_codec = import_extra("kvant.torch_codec", "train", f"{name_or_path}, which has no graphs,")
    codec: Codec = torch_codec.load(folder / WEIGHTS, threads)
    return codec
