"""A trained voice model's decoder, taught frames of their own depth.

    python recipes/tune_decoder.py corpus/voices-24k runs/deeper runs/tuned --steps 2000

Encoder and codebooks stand still, so codes stay what they are. Every item of a batch has depths of constant error, at
a limit of its own, or one depth. Losses are those of the model's recipe. Every 250 steps the run is kept, to go on
from when it is started again, and the averaged decoder is compared on the dev speakers; model.safetensors of the
output is its last state.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kvant.checkpoint import load_codec, tensors_of
from kvant.codec import Codec
from kvant.data import Batch, Segments
from kvant.export import export
from kvant.model_file import read_model_file, write_model_file
from kvant.runtime.models import WEIGHTS, find
from kvant.training.coded_blocks import CodedBlocks, depths_below
from kvant.training.config import LossWeights
from kvant.training.objective import Objective

BATCH, SECONDS, RATE, EVERY = 8, 1.0, 4e-4, 250
CONSTANT = 0.2
MEANS = (1.3, 2.5, 5.0, 9.0)
"""Mean depths on dev: about those of 0.75, 1.5, 3 and 6 kbit/s after entropy coding."""
Curve = tuple[np.ndarray, np.ndarray]


@torch.no_grad()
def levelled(codec: Codec, wav: Tensor) -> tuple[Tensor, np.ndarray]:
    """Sums of the first 0 to K vectors of wav's latents, [B, K + 1, D, T], and the squared errors that they leave."""
    latents = codec.encoder(codec.pad(wav))
    codes = codec.quantizer.encode(latents)
    prefixes = [codec.quantizer.decode(codes[:, : k + 1]) for k in range(codes.shape[1])]
    sums = torch.stack([torch.zeros_like(latents), *prefixes], dim=1)
    return sums, (latents[:, None] - sums).square().sum(2).numpy()


def chosen(sums: Tensor, depths: np.ndarray) -> Tensor:
    """Latents [B, D, T] of `depths` [B, T]."""
    places = torch.from_numpy(depths)[:, None, None].expand(-1, 1, *sums.shape[2:])
    return sums.gather(1, places)[:, 0]


def limit_at(curve: Curve, mean: float) -> float:
    """The limit that gives this mean depth."""
    return float(np.exp(np.interp(mean, curve[0], np.log(curve[1]))))


def drawn(errors: np.ndarray, curve: Curve, rng: np.random.Generator) -> np.ndarray:
    """Depths [B, T] of a batch."""
    levels, frames = errors.shape[1] - 1, errors.shape[2]
    return np.stack([
        np.full(frames, rng.choice([1, 2, 4, 8]))
        if rng.random() < CONSTANT
        else depths_below(each, limit_at(curve, np.exp(rng.uniform(0.1, np.log(levels - 1)))))
        for each in errors
    ])  # fmt: skip


def distances(codec: Codec, objective: Objective, latents: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Every loss, weighted, of what `latents` decode to."""
    wav = codec.trim(codec.decoder(latents), batch.wav.shape[-1])
    return objective.weighted(objective.of_signals(*objective.compared(wav, batch)))


@torch.no_grad()
def held_out(codec: Codec, objective: Objective, batches: list[Batch], curve: Curve) -> str:
    """The sum of losses at each of the mean depths."""
    totals = np.zeros(len(MEANS))
    for batch in batches:
        sums, errors = levelled(codec, batch.wav)
        for place, mean in enumerate(MEANS):
            latents = chosen(sums, depths_below(errors, limit_at(curve, mean)))
            totals[place] += sum(map(float, distances(codec, objective, latents, batch).values())) / len(batches)
    return " ".join(f"{total:.3f}" for total in totals)


def tune(codec: Codec, corpus: Path, steps: int, kept: Path) -> Codec:
    """The averaged codec after `steps`, continued from `kept` if that is there."""
    codec.requires_grad_(False)
    codec.decoder.requires_grad_(True)
    objective = Objective(LossWeights(), codec.sample_rate)
    train, dev = (Segments(corpus / split, codec.sample_rate, SECONDS, seed=21) for split in ("train", "dev"))
    errors = np.concatenate([levelled(codec, train.batch(10**6 + k, BATCH).wav)[1] for k in range(6)])
    curve = CodedBlocks(errors, errors).limits()
    batches = [dev.batch(k, BATCH) for k in range(6)]
    optimizer = torch.optim.AdamW(codec.decoder.parameters(), RATE, (0.8, 0.99), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, max(steps, 2), pct_start=0.05, cycle_momentum=False)
    average = AveragedModel(codec.decoder, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    parts = {"codec": codec, "optimizer": optimizer, "schedule": schedule, "average": average}
    first = 0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        first = state.pop("step")
        for name, part in parts.items():
            part.load_state_dict(state[name])
    else:
        print(0, held_out(codec, objective, batches, curve), flush=True)
    for step in range(first, steps):
        batch = train.batch(step, BATCH)
        sums, errors = levelled(codec, batch.wav)
        latents = chosen(sums, drawn(errors, curve, np.random.default_rng((21, step))))
        optimizer.zero_grad()
        sum(distances(codec, objective, latents, batch).values()).backward()
        torch.nn.utils.clip_grad_norm_(codec.decoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(codec.decoder)
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            torch.save({name: part.state_dict() for name, part in parts.items()} | {"step": step + 1}, kept)
            learnt, codec.decoder = codec.decoder, average.module
            print(step + 1, held_out(codec, objective, batches, curve), flush=True)
            codec.decoder = learnt
    codec.decoder = average.module
    return codec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("model")
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    folder, output = find(arguments.model), arguments.output
    output.mkdir(parents=True, exist_ok=True)
    model, codec = read_model_file(folder / WEIGHTS), load_codec(folder / WEIGHTS)
    tensors = tensors_of(tune(codec, arguments.corpus, arguments.steps, output / "state.pt"))
    decoder = {name: array for name, array in tensors.items() if name.startswith("decoder.")}
    write_model_file(output / WEIGHTS, model.tensors | decoder, model.metadata, overwrite=True)
    export(output / WEIGHTS)
    if (folder / "entropy.safetensors").exists():
        shutil.copy(folder / "entropy.safetensors", output)


if __name__ == "__main__":
    main()
