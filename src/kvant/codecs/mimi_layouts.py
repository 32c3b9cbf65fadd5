"""How others name the tensors of Mimi: the official package, older spellings among its names, and transformers."""

import re
from functools import partial

import torch
from torch import Tensor

from kvant.codecs import encodec
from kvant.codecs.published import Layout, renamed
from kvant.layers.transposed_conv import as_convolution

SIDES = ("encoder", "decoder")
NAMES = (
    *encodec.NAMES,
    (r"^encoder\.parts\.", "encoder.parts.0.parts."),
    (r"^decoder\.parts\.", "decoder.parts.2.parts."),
    (r"^(encoder|decoder)_transformer\.transformer\.layers\.", r"\1.parts.1.parts."),
    (r"\.self_attn\.in_proj(_|\.|s\.0\.)weight$", ".attention.into.weight"),
    (r"\.self_attn\.out_proj(\.|s\.0\.)weight$", ".attention.out.weight"),
    (r"\.norm1\.", ".attention_norm."),
    (r"\.norm2\.", ".norm."),
    (r"\.layer_scale_1\.scale$", ".attention_scale"),
    (r"\.layer_scale_2\.scale$", ".scale"),
    (r"\.linear1\.", ".expand."),
    (r"\.linear2\.", ".project."),
    (r"^downsample\.conv\.conv\.conv\.", "encoder.parts.2.conv."),
    (r"^upsample\.convtr\.conv\.", "decoder.parts.0.conv."),
    (r"^quantizer\.rvq_first\.", "quantizer.semantic."),
    (r"^quantizer\.rvq_rest\.", "quantizer.acoustic."),
    (r"\.input_proj\.", ".into."),
    (r"\.output_proj\.", ".out."),
    (r"^(quantizer\.semantic)\.vq\.layers\.0\._codebook\.", r"\1.quantizer.codebook."),
    (r"^(quantizer\.acoustic)\.vq\.layers\.(\d+)\._codebook\.", r"\1.quantizer.codebooks.\2."),
    (r"\.(embedding_sum|embed_sum|embed_avg)$", ".sum"),
    (r"\.(cluster_usage|cluster_size)$", ".usage"),
)
"""Patterns of the official package's names, older spellings among them, and ours; applied in this order."""

TRANSFORMERS_NAMES = (
    (r"_transformer\.layers\.", "_transformer.transformer.layers."),
    (r"\.self_attn\.o_proj\.", ".self_attn.out_proj."),
    (r"\.input_layernorm\.", ".norm1."),
    (r"\.post_attention_layernorm\.", ".norm2."),
    (r"\.self_attn_layer_scale\.", ".layer_scale_1."),
    (r"\.mlp_layer_scale\.", ".layer_scale_2."),
    (r"\.mlp\.fc(\d)\.", r".linear\1."),
    (r"^downsample\.conv\.conv\.", "downsample.conv.conv.conv."),
    (r"^upsample\.conv\.conv\.", "upsample.convtr.convtr.convtr."),
    (r"^quantizer\.semantic_residual_vector_quantizer\.", "quantizer.rvq_first."),
    (r"^quantizer\.acoustic_residual_vector_quantizer\.", "quantizer.rvq_rest."),
    (r"^(quantizer\.rvq_\w+)\.layers\.(\d+)\.codebook\.", r"\1.vq.layers.\2._codebook."),
)
"""The same of names in transformers, and the official package's, beyond what EnCodec has of them."""


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our state of the official package's, weight norm folded.

    Their SEANets have no place for a recurrence; behind it, ours count one more. Their projections are convolutions of
    one tap, transposed convolutions are of kernel 2 stride, and a codebook is e = sum / max(usage, 1e-5).
    """
    names = (*beyond_recurrence(state), *NAMES)
    ours = {}
    for name, tensor in state.items():
        if name.endswith(".convtr.weight"):
            groups = len(tensor) if name.startswith("upsample.") else 1
            tensor = as_convolution(tensor, tensor.shape[-1] // 2, groups)
        elif name.endswith(("input_proj.weight", "output_proj.weight")):
            tensor = tensor.squeeze(-1)
        ours[renamed(name, names)] = tensor
    for book in [name.removesuffix("sum") for name in ours if name.endswith(".sum")]:
        if f"{book}usage" in ours:
            usage = ours.pop(f"{book}usage").float().clamp(min=1e-5)
            ours[f"{book}weight"] = ours.pop(f"{book}sum").float() / usage[:, None]
    return ours


def beyond_recurrence(state: dict[str, Tensor]) -> list[tuple[str, str]]:
    """Patterns that move the encoder's last convolution, and all of the decoder but its first, by one place."""
    numbers = re.findall(r"\b(encoder|decoder)\.model\.(\d+)\.", "\n".join(state))
    last = {part: max((int(place) for name, place in numbers if name == part), default=0) for part in SIDES}
    moved = [("encoder", last["encoder"]), *(("decoder", place) for place in range(last["decoder"], 0, -1))]
    return [(rf"^{part}\.model\.{place}\.", f"{part}.model.{place + 1}.") for part, place in moved]


def from_transformers(state: dict[str, Tensor], heads: int) -> dict[str, Tensor]:
    """Our state of transformers', weight norm folded: the official layout under other names.

    Queries, keys and values are three matrices; the first two turn channels m and m + d/2 of a head, not neighbours.
    """
    names = (*encodec.names_in_transformers(state), *TRANSFORMERS_NAMES)
    official = {renamed(name, names): tensor for name, tensor in state.items()}
    for layer in [name.removesuffix("q_proj.weight") for name in official if name.endswith(".self_attn.q_proj.weight")]:
        parts = [f"{layer}{part}_proj.weight" for part in "qkv"]
        if all(name in official for name in parts):
            query, key, value = (official.pop(name) for name in parts)
            rows = torch.cat([neighbours(query, heads), neighbours(key, heads), value])
            official[f"{layer}in_projs.0.weight"] = rows
    return from_official(official)


def neighbours(weight: Tensor, heads: int) -> Tensor:
    """Rows 2m and 2m + 1 of each head, of rows m and m + d/2."""
    return weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def layouts(heads: int) -> tuple[Layout, ...]:
    """Those of a Mimi whose transformers have so many heads, which no name or shape tells."""
    return (
        Layout("moshi", r"encoder\.model\..*", from_official, (r"quantizer\..*\._codebook\.(_initialized|inited)",)),
        Layout(
            "transformers",
            r"encoder\.layers\..*",
            partial(from_transformers, heads=heads),
            (r"quantizer\..*\.codebook\.initialized",),
        ),
    )
