"""The official Mimi and ours with the same random weights, small, for all that is compared."""

from dataclasses import replace
from typing import Any

import torch

from kvant.codec import Codec
from kvant.codecs import mimi
from kvant.importing.filling import fill
from tests.laws.small_codecs import MIMI
from tests.peers import stand_ins
from tests.speech import speech

RELEASE = mimi.PUBLISHED["mimi-24khz"]
HOP = 320


@torch.no_grad()
def awake(model: Any) -> Any:
    """The model with levels kept, no layer idle, and each codebook where its residuals are."""
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "layer_scale" in name:
            parameter.uniform_(0.2, 0.6)
        elif "norm" in name:
            parameter.add_(0.2 * torch.randn_like(parameter))
        elif parameter.dim() == 3:
            parameter.mul_(3**0.5)
        elif "in_projs" in name:
            parameter.mul_(2)
    latents = model._encode_to_unquantized_latent(speech(1.0, batch=4, seed=3))
    for side in (model.quantizer.rvq_first, model.quantizer.rvq_rest):
        residual = side.input_proj(latents).transpose(1, 2).flatten(0, 1)
        for level in side.vq.layers:
            book = level._codebook
            rows = residual[torch.randint(len(residual), (book.codebook_size,))]
            book.cluster_usage.uniform_(0.5, 20)
            book.embedding_sum.copy_(0.3 * rows + 0.03 * residual.std() * torch.randn_like(rows))
            book.embedding_sum.mul_(book.cluster_usage[:, None])
            residual = residual - book.decode(book.encode(residual))
    return model.eval()


def small_pair() -> tuple[Any, Codec]:
    """(theirs, ours), with the same random weights."""
    loaders, size, layers = stand_ins.mimi(), MIMI.latent_dim, MIMI.transformer
    theirs = loaders.get_mimi(
        None,
        {
            "sample_rate": MIMI.sample_rate,
            "channels": 1,
            "frame_rate": MIMI.sample_rate / HOP,
            "seanet": loaders._seanet_kwargs
            | {"dimension": size, "n_filters": MIMI.seanet.filters, "ratios": list(reversed(MIMI.seanet.strides))},
            "quantizer": {
                "dimension": MIMI.codebook_dim,
                "n_q": MIMI.num_codebooks,
                "bins": MIMI.codebook_size,
                "input_dimension": size,
                "output_dimension": size,
            },
            "transformer": loaders._transformer_kwargs
            | {"d_model": size, "num_heads": layers.heads, "num_layers": layers.layers, "context": layers.window}
            | {"dim_feedforward": layers.hidden, "input_dimension": size, "output_dimensions": [size]},
        },
        num_codebooks=MIMI.num_codebooks,
    )
    awake(theirs)
    return theirs, fill(replace(RELEASE, config=MIMI), theirs.state_dict())
