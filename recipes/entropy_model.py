"""The entropy model of a trained voice model: what its codes cost when those around them are known.

    python recipes/entropy_model.py corpus/voices-24k runs/deeper runs/entropy

Networks are trained one by one on codes of the training speakers, and kept in the work folder: started again, the
recipe goes on from the last finished one. In the end entropy.safetensors is beside the model's weights, and a table of
bits a code on the dev speakers, with depths of constant error and with constant ones, is printed.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from kvant.bitstream.entropy_models.context import past_numbers
from kvant.bitstream.entropy_models.neural import NeuralModel
from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.data import Segments
from kvant.evaluation.held_out import held_out_clips
from kvant.quantizers import ResidualQuantizer
from kvant.quantizers.slots import ABSENT
from kvant.runtime.models import WEIGHTS, find
from kvant.training.coded_blocks import CodedBlocks, depths_below
from kvant.training.entropy_model import (
    DEPTH_HIDDEN,
    assembled,
    depth_batches,
    fit,
    integer_vectors,
    level_batches,
    level_network,
)
from kvant.training.integer_network import RoundedNetwork

SEGMENTS, BATCH, SECONDS, CLIPS, SEED = 2400, 10, 4.0, 16, 0
SERIAL = 2
"""Levels that look at their own past."""
STEPS, DEPTH_STEPS = (800, 800, 400, 400, 400, 400, 400, 400, 250, 250, 250, 250), 1500
"""Of each level, and of the depths."""
BLOCK = 150
"""Frames of a block when bits are counted."""


@torch.inference_mode()
def coded(codec: Codec, wavs: list[torch.Tensor]) -> list[CodedBlocks]:
    """Codes of wavs [B, 1, N], and the errors before and after each level."""
    found = []
    for wav in wavs:
        residual = codec.encoder(codec.pad(wav)).transpose(1, 2)
        codes, errors = [], [residual.square().sum(-1)]
        for book in codec.quantizer.codebooks:
            level = book.search(residual.flatten(0, 1)).reshape(residual.shape[:2])
            residual = residual - book.lookup(level)
            codes.append(level)
            errors.append(residual.square().sum(-1))
        found.append(CodedBlocks(torch.stack(codes, 1).short().numpy(), torch.stack(errors, 1).numpy()))
    return found


def training_blocks(codec: Codec, corpus: Path, kept: Path) -> CodedBlocks:
    """Codes of random segments of the training speakers, made once."""
    if not kept.exists():
        segments = Segments(corpus / "train", codec.sample_rate, SECONDS, seed=11)
        frames = round(SECONDS * codec.frame_rate)
        parts = [coded(codec, [segments.batch(k, BATCH).wav])[0] for k in range(SEGMENTS // BATCH)]
        arrays = (np.concatenate([getattr(part, name)[..., :frames] for part in parts]) for name in ("codes", "errors"))
        save_file(dict(zip(("codes", "errors"), arrays)), kept)
    return CodedBlocks(**load_file(kept))


def network(kept: Path, made: RoundedNetwork, batches, steps: int) -> RoundedNetwork:
    """`made` trained, or as it was kept."""
    if not kept.exists():
        begin = time.process_time()
        fit(made, batches, steps, lambda step, bits: print(kept.stem, step, f"{bits:.3f} bits", flush=True))
        save_file({name: part.numpy() for name, part in made.state_dict().items()}, kept)
        print(f"{kept.stem}: {time.process_time() - begin:.0f} s")
    made.load_state_dict({name: torch.from_numpy(part) for name, part in load_file(kept).items()})
    return made.eval()


def cost(model: NeuralModel, codes: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Bits [K + 1] of codes [K, T] in blocks, level by level and of the depths, and how many there are [K + 1]."""
    bits = np.zeros((2, len(codes) + 1))
    for start in range(0, codes.shape[1], BLOCK):
        part, deep = codes[:, start : start + BLOCK].astype(np.int64), depths[start : start + BLOCK]
        part = np.where(np.arange(len(codes))[:, None] < deep, part, ABSENT)
        rows = [(len(codes), model.depth_frequencies(deep, range(len(deep))), deep)]
        for level in range(int(deep.max())):
            frames = np.flatnonzero(deep > level)
            rows.append((level, model.frequencies(level, part, deep, frames), part[level, frames]))
        for place, table, symbols in rows:
            bits[:, place] += (16 - np.log2(table[np.arange(len(symbols)), symbols])).sum(), len(symbols)
    return bits


def table(model: NeuralModel, clips: list[CodedBlocks], frame_rate: float) -> str:
    """Bits a code of each level, bits a depth, and kbit/s; by mean depth."""
    levels = clips[0].codes.shape[1]
    rows = ["| depth | " + " | ".join(map(str, range(1, levels + 1))) + " | depths | kbit/s | kbit/s raw |"]
    rows.append("|---" * (levels + 4) + "|")
    codes, errors = (np.concatenate(each, axis=-1) for each in zip(*((c.codes, c.errors) for c in clips)))
    means, limits = CodedBlocks(codes, errors).limits(400)
    rules = [(f"{k}", k, 0.0) for k in (1, 2, 4, 8, levels)]
    rules += [(f"{m:g}, varied", 0, float(np.interp(m, means, limits))) for m in (1.5, 2, 3, 4, 6, 8, 10)]
    for name, depth, limit in rules:
        told = [depths_below(c.errors[0], limit) if limit else np.full(c.codes.shape[2], depth) for c in clips]
        bits, counts = sum(cost(model, c.codes[0], deep) for c, deep in zip(clips, told))
        each = [f"{b / n:.2f}" if n else "" for b, n in zip(bits, counts)]
        rates = bits.sum() / counts[-1], 10 * counts[:-1].sum() / counts[-1]
        each += [f"{rate * frame_rate / 1000:.3f}" for rate in rates]
        rows.append(f"| {name} | {' | '.join(each)} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("model")
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    work, folder = arguments.work, find(arguments.model)
    work.mkdir(parents=True, exist_ok=True)
    codec = load_codec(folder / WEIGHTS)
    assert isinstance(codec.quantizer, ResidualQuantizer)
    books = np.stack([book.weight.numpy() for book in codec.quantizer.codebooks])
    vectors = integer_vectors(books)
    blocks = training_blocks(codec, arguments.corpus, work / "blocks.safetensors")
    depth = RoundedNetwork((past_numbers(len(books)), *DEPTH_HIDDEN, len(books) + 1))
    network(work / "depth.safetensors", depth, depth_batches(blocks, SEED), DEPTH_STEPS)
    serial, networks = [level < SERIAL for level in range(len(books))], []
    for level, book in enumerate(books):
        counts = np.bincount(blocks.codes[:, level].ravel(), minlength=len(book))
        batches = level_batches(blocks, vectors, level, serial[level], SEED)
        made = level_network(book, counts, level)
        networks.append(network(work / f"level-{level}.safetensors", made, batches, STEPS[level]))
    tensors = assembled(vectors, serial, networks, depth)
    save_file(tensors, folder / "entropy.safetensors")
    clips = held_out_clips(arguments.corpus / "dev", CLIPS)
    heard = coded(codec, [torch.from_numpy(clip.wav)[None, None] for clip in clips])
    print(table(NeuralModel(tensors, bytes(32)), heard, codec.frame_rate))


if __name__ == "__main__":
    main()
