"""More levels for a trained model: codebooks fitted to what its own leave, everything else as it was.

    python recipes/deepen.py corpus/voices-24k runs/voice runs/deeper --levels 12

Writes model.safetensors and its graphs. Tensors that were there keep their bits, and codes of their levels stay.
As many levels as it had are its default; all of them are there for frames of their own depth.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.data import Segments
from kvant.export import export
from kvant.model_file import read_model_file, write_model_file
from kvant.quantizers import EMACodebook, ResidualQuantizer
from kvant.quantizers.gradients import straight_through
from kvant.runtime.models import WEIGHTS, find
from kvant.training.closed_form import solve_codebooks

BATCHES, BATCH, SECONDS, ITERATIONS = 60, 10, 4.0, 6


@torch.inference_mode()
def more_levels(codec: Codec, corpus: Path, count: int) -> list[np.ndarray]:
    """`count` codebooks float16 [V, D] for what the codec's own leave of the training speakers."""
    own = codec.quantizer
    assert isinstance(own, ResidualQuantizer)
    segments = Segments(corpus / "train", codec.sample_rate, SECONDS, seed=11)
    rows = []
    for batch in range(BATCHES):
        latents = codec.encoder(segments.batch(batch, BATCH).wav)
        rows.append((latents - own.decode(own.encode(latents))).transpose(1, 2).flatten(0, 1))
    more = ResidualQuantizer([EMACodebook(book.size, book.dim) for book in own.codebooks[:count]], straight_through)
    left = solve_codebooks(more, torch.cat(rows), ITERATIONS, torch.Generator().manual_seed(0))
    print(" ".join(f"{share:.3f}" for share in left.values()), "of the energy left by the levels before")
    return [book.weight.half().numpy() for book in more.codebooks]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("model")
    parser.add_argument("output", type=Path)
    parser.add_argument("--levels", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    weights = find(arguments.model) / WEIGHTS
    codec, model = load_codec(weights), read_model_file(weights)
    books = more_levels(codec, arguments.corpus, arguments.levels - codec.num_codebooks)
    added = {f"quantizer.codebooks.{codec.num_codebooks + k}.weight": book for k, book in enumerate(books)}
    metadata = dict(model.metadata)
    metadata["config"] |= {"num_codebooks": arguments.levels}
    metadata["signal"] |= {
        "codebook_sizes": [*codec.quantizer.codebook_sizes, *map(len, books)],
        "default_codebooks": codec.num_codebooks,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_model_file(arguments.output / WEIGHTS, model.tensors | added, metadata, overwrite=True)
    export(arguments.output / WEIGHTS)


if __name__ == "__main__":
    main()
