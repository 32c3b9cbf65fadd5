"""Published weights -> codec -> model file; strict in both directions, and on record whose weights they are."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from kvant.checkpoint import MALFORMED, save_codec, statistics
from kvant.codec import Codec
from kvant.codecs import CODECS, SEGMENTED
from kvant.codecs.published import Published
from kvant.codecs.segmented import SegmentedCodec
from kvant.errors import ModelError, UsageError
from kvant.importing.checkpoint_files import read_checkpoint, sha256
from kvant.importing.weight_norm import fold_weight_norm
from kvant.quantizers import TrackedCodebook
from kvant.runtime.models import GRAPHS


def fill(published: Published, state: dict[str, Tensor]) -> Codec:
    """The codec of `published` with the weights of a state in one of its layouts, in evaluation mode.

    ModelError: names of no layout, one that is neither converted nor ignorable, one that is missing, a shape that does
    not fit.
    """
    kind, build = CODECS[published.architecture]
    assert isinstance(published.config, kind)
    codec = build(published.config)
    pour(published, state, codec)
    return codec.eval()


def fill_segmented(published: Published, state: dict[str, Tensor]) -> SegmentedCodec:
    """As `fill`, of a codec that codes in segments."""
    kind, build = SEGMENTED[published.architecture]
    assert isinstance(published.config, kind)
    codec = build(published.config)
    pour(published, state, codec)
    return codec.eval()


def pour(published: Published, state: dict[str, Tensor], codec: nn.Module) -> None:
    """Give a module of the config of `published` the weights of a state. ModelError: as `fill`."""
    layout = published.layout_of(state)
    kept = {name: tensor for name, tensor in state.items() if not _matches(layout.ignorable, name)}
    try:
        converted = layout.convert(fold_weight_norm(kept))
    except MALFORMED as error:
        reason = " ".join(str(error).split())[:120]
        raise ModelError(f"weights do not fit {published.source}: damaged, or of other shapes ({reason})") from error
    own = {name: tensor for name, tensor in codec.state_dict().items() if name not in statistics(codec)}
    for trouble, names in (("unknown", set(converted) - set(own)), ("missing", set(own) - set(converted))):
        if names:
            raise ModelError(f"weights do not fit {published.source}: {trouble}: {', '.join(sorted(names)[:5])}")
    for name, tensor in converted.items():
        if tensor.shape != own[name].shape:
            raise ModelError(
                f"weights do not fit {published.source}: {name}: {tuple(tensor.shape)}, not {tuple(own[name].shape)}"
            )
    codec.load_state_dict({name: tensor.float() for name, tensor in converted.items()}, strict=False)
    for module in codec.modules():
        if isinstance(module, TrackedCodebook):
            module.restore()


def import_checkpoint(
    name: str,
    published: Published,
    checkpoint: Path,
    model: Path,
    options: dict[str, Any],
    companion: Path | None = None,
) -> dict[str, Any]:
    """Write the model file of a checkpoint, in float32; return the record kept in it.

    options: fields of the config that differ from the published. companion: the second file, if the release takes one.
    UsageError: the config has no such field, a companion is missing or not taken.
    """
    unknown = set(options) - {field.name for field in dataclasses.fields(published.config)}
    if unknown:
        raise UsageError(f"{name} has no option {', '.join(sorted(unknown))}")
    published = dataclasses.replace(published, config=dataclasses.replace(published.config, **options))
    state = read_checkpoint(checkpoint) | companion_state(name, published, companion)
    layout = published.layout_of(state)
    codec = (fill_segmented if published.architecture in SEGMENTED else fill)(published, state)
    digest = sha256(checkpoint)
    comparable = published.sha256 and layout == published.layouts[0]
    as_published = digest.startswith(published.sha256) if comparable else None
    source: dict[str, Any] = {"file": published.source, "layout": layout.package, "sha256": digest}
    source["as_published"] = as_published
    if companion and published.companion:
        source["companion"] = {"file": published.companion.source, "sha256": sha256(companion)}
    record = {
        "name": name,
        "source": source,
        "licence": {"code": published.code_licence, "weights": published.weights_licence},
    }
    model.parent.mkdir(parents=True, exist_ok=True)
    for graph in GRAPHS:
        model.with_name(graph).unlink(missing_ok=True)  # of the weights that were here before
    save_codec(model, codec, published.architecture, published.config, record, half=False)
    return record


def companion_state(name: str, published: Published, companion: Path | None) -> dict[str, Tensor]:
    """The tensors of the second file of a release, named as beside the first; none if it takes none.

    UsageError: it is missing, or not taken.
    """
    if published.companion is None:
        if companion is not None:
            raise UsageError(f"{companion}: {name} takes no second file")
        return {}
    if companion is None:
        raise UsageError(f"{name} needs a second file: give {published.companion.source} as well, with --with")
    return {published.companion.prefix + key: tensor for key, tensor in read_checkpoint(companion).items()}


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)
