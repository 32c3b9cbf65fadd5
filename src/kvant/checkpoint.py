"""Codec <-> model file: the config builds the codec, the tensors fill it, training statistics stay out."""

import dataclasses
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kvant.codec import Codec
from kvant.codecs import CODECS, SEGMENTED
from kvant.codecs.completing import CompletingCodec
from kvant.codecs.mirrored import MirroredCodec
from kvant.codecs.segmented import SegmentedCodec
from kvant.errors import ModelError
from kvant.model_file import read_model_file, write_model_file
from kvant.quantizers import MultiScaleQuantizer, TrackedCodebook
from kvant.streaming import LookAhead

MALFORMED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What comes of computing with values of a file that are not what they should be."""

SCALARS = {bool: bool, int: int, float: int | float, str: str}
"""The type of a config's field, and the types that its JSON may have."""


def statistics(codec: nn.Module) -> set[str]:
    """Names of the entries of the codec's state that only training needs: the statistics its codebooks declare."""
    return {
        f"{name}.{statistic}"
        for name, module in codec.named_modules()
        if isinstance(module, TrackedCodebook)
        for statistic in module.statistics
    }


def tensors_of(codec: nn.Module, half: bool = True) -> dict[str, np.ndarray]:
    """What inference needs, by name: trained weights rounded to float16 if `half`, fixed transforms as they are."""
    dropped = statistics(codec)
    trained = {name for name, _ in codec.named_parameters()}
    trained |= {f"{name}.weight" for name, module in codec.named_modules() if isinstance(module, TrackedCodebook)}
    return {
        name: (tensor.half() if half and name in trained else tensor).detach().cpu().numpy()
        for name, tensor in codec.state_dict().items()
        if name not in dropped
    }


def config_from_json(kind: type, values: dict[str, Any]) -> Any:
    """A frozen config dataclass from its JSON form; nested configs and tuples are restored by their field's type.

    ModelError: fields it has not, or values of another type than theirs.
    """
    if not isinstance(values, dict):
        raise ModelError(f"{kind.__qualname__}: must be fields by name, not {values!r}")
    known = {field.name: field for field in dataclasses.fields(kind)}
    unknown = set(values) - set(known)
    if unknown:
        raise ModelError(f"{kind.__qualname__}: unknown fields {sorted(unknown)}; upgrade kvant")
    restored = {}
    for name, value in values.items():
        field_type = known[name].type
        if isinstance(field_type, type) and dataclasses.is_dataclass(field_type):
            value = config_from_json(field_type, value)
        elif field_type in SCALARS and not isinstance(value, SCALARS[field_type]):
            raise ModelError(f"{kind.__qualname__}: {name} must be {field_type.__name__}, not {value!r}")
        restored[name] = tuple(value) if isinstance(value, list) else value
    return kind(**restored)


def build_codec(known: Mapping[str, tuple[type, Any]], architecture: Any, config: Any, where: str) -> Any:
    """A codec with random weights. known: by architecture, the type of its config and what builds it.

    config: in its JSON form. ModelError, which says `where`: no architecture of that name, or no codec of that config.
    """
    if not isinstance(architecture, str) or architecture not in known:
        raise ModelError(f"{where}: architecture {architecture!r} is not known here; known: {', '.join(known)}")
    kind, build = known[architecture]
    try:
        return build(config_from_json(kind, config))
    except (ModelError, *MALFORMED) as error:
        raise ModelError(f"{where}: its config builds no codec ({error})") from error


def save_codec(
    path: Path,
    codec: Codec | SegmentedCodec,
    architecture: str,
    config: Any,
    record: dict[str, Any],
    half: bool = True,
) -> None:
    """Write `codec` as a model file. record: `name` and anything to remember (training, licence, measures).

    half: keep trained weights in float16. Weights of others stay as they were published, so that their codes do.
    """
    metadata = {
        "architecture": architecture,
        "config": dataclasses.asdict(config),
        "signal": signal_of(codec),
        **record,
    }
    write_model_file(path, tensors_of(codec, half), metadata, overwrite=True)


def signal_of(codec: Codec | SegmentedCodec) -> dict[str, Any]:
    """What the runtime must know of a codec, whose graphs do not say it.

    Of segments, their `segment_length` and `segment_stride`, and no more. Of what looks ahead, `encoder_overlap` and
    `decoder_overlap`: the frames (before, behind) that a piece is computed with, null for all. Of mirrored edges,
    `first_frames`. `completes`: the encoder itself completes the last hop.
    """
    signal: dict[str, Any] = {
        "sample_rate": codec.sample_rate,
        "hop_length": codec.hop_length,
        "codebook_sizes": codec.quantizer.codebook_sizes,
    }
    if isinstance(codec, SegmentedCodec):
        segments = {"segment_length": codec.segment_length, "segment_stride": codec.segment_stride}
        return signal | {"pre_skip": 0} | segments
    signal["pre_skip"] = codec.pre_skip
    if isinstance(codec.quantizer, MultiScaleQuantizer):
        signal["slot_strides"] = codec.quantizer.slot_strides
    if isinstance(codec, MirroredCodec):
        signal["first_frames"] = codec.first_frames
    if isinstance(codec, MirroredCodec | CompletingCodec):
        signal["completes"] = True
    if isinstance(codec.encoder, LookAhead):
        before, behind = codec.encoder.receptive_field.overlap(codec.hop_length)
        # What the last hop lacks is mirrored from less than a hop further back.
        signal["encoder_overlap"] = finite(before + isinstance(codec, CompletingCodec), behind)
    if isinstance(codec.decoder, LookAhead):
        field = codec.decoder.receptive_field
        signal["decoder_overlap"] = finite(*field.overlap(int(codec.hop_length * field.stride)))
    return signal


def finite(before: float, behind: float) -> list[float] | None:
    """An overlap as JSON has it."""
    return None if inf in (before, behind) else [before, behind]


def load_codec(path: Path) -> Codec:
    """The codec of a model file, in float32 and evaluation mode. ModelError when config and tensors make no codec."""
    codec = _loaded(path)
    if not isinstance(codec, Codec):
        raise ModelError(
            f"{path}: codes in segments, with a scale beside the codes of each, which this cannot take: "
            "use kvant.load, or kvant.checkpoint.load_segmented in Python"
        )
    return codec


def load_segmented(path: Path) -> SegmentedCodec:
    """As `load_codec`, of a codec that codes in segments."""
    codec = _loaded(path)
    if not isinstance(codec, SegmentedCodec):
        raise ModelError(f"{path}: does not code in segments; use load_codec")
    return codec


def _loaded(path: Path) -> nn.Module:
    """What a model file holds, whichever kind of codec that is."""
    model = read_model_file(path)
    for entry in ("architecture", "config"):
        if entry not in model.metadata:
            raise ModelError(f"{path}: its metadata give no {entry}; save the model again")
    codec = build_codec(CODECS | SEGMENTED, model.metadata["architecture"], model.metadata["config"], str(path))
    state = {name: torch.from_numpy(array.astype(np.float32, copy=False)) for name, array in model.tensors.items()}
    expected = set(codec.state_dict()) - statistics(codec)
    if expected != set(state):
        raise ModelError(f"{path}: tensors do not fit its config: {sorted(expected ^ set(state))[:5]} ...")
    try:
        codec.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{path}: tensors do not fit its config: {' '.join(str(error).split())[:200]}") from error
    for module in codec.modules():
        if isinstance(module, TrackedCodebook):
            module.restore()
    return codec.eval()
