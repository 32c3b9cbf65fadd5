"""The training loop: read it from top to bottom; the loss is in `objective.py`, one click away."""

import dataclasses
import json
import math
import time
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter

from kvant.checkpoint import save_codec
from kvant.codec import Codec
from kvant.codecs import CODECS
from kvant.data import Segments
from kvant.quantizers.residual import sample_depths
from kvant.training.closed_form import refit_codebooks, solve
from kvant.training.config import OptimConfig, TrainingConfig
from kvant.training.health import codebook_health
from kvant.training.objective import Objective
from kvant.training.run_state import append_record, load_run, save_run


def learning_rate(step: int, steps: int, optim: OptimConfig) -> float:
    """Linear to the peak over the warm-up, then half a cosine down to `final` of it."""
    warmup = min(1.0, (step + 1) / optim.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return optim.learning_rate * warmup * (optim.final + (1 - optim.final) * cosine)


def make_optimizer(codec: Codec, optim: OptimConfig) -> torch.optim.AdamW:
    """AdamW with a learning rate by part; vectors, KLT matrices and codebooks without weight decay."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in codec.named_parameters():
        scale = optim.encoder_scale if name.startswith("encoder.") else 1.0
        scale = optim.transform_scale if ".klt." in name else scale
        decays = parameter.ndim > 1 and ".klt." not in name and "codebooks" not in name
        groups.setdefault((scale, optim.weight_decay if decays else 0.0), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": group, "scale": scale, "weight_decay": decay} for (scale, decay), group in groups.items()],
        lr=optim.learning_rate,
        betas=optim.betas,
    )


@torch.no_grad()
def validate(codec: Codec, objective: Objective, segments: Segments, config: TrainingConfig) -> dict[str, float]:
    """Losses on the same held-out segments each time, at every depth: `mel@k`, `complex_stft@k`."""
    codec.eval()
    scores: dict[str, float] = {}
    depths = sorted({*config.depths, codec.num_codebooks})
    batches = [segments.batch(index, config.batch_size) for index in range(4)]
    for depth in depths:
        for batch in batches:
            for name, loss in objective(codec, batch, depth)[1].items():
                scores[f"{name}@{depth}"] = scores.get(f"{name}@{depth}", 0.0) + float(loss) / len(batches)
    codec.train()
    return scores


def train(config: TrainingConfig, run: Path, resume: bool = False) -> Codec:
    """Train into the folder `run`.

    It gets `model.safetensors` (averaged weights, in the end with refitted codebooks), `start/` (the closed form),
    `state.safetensors` (to resume from), `history.jsonl` and `tensorboard/`.
    """
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text(json.dumps(dataclasses.asdict(config), indent=2))
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)
    codec = CODECS[config.architecture][1](config.codec)
    objective = Objective(config.weights, codec.sample_rate)
    data = Segments(Path(config.corpus) / "train", codec.sample_rate, config.seconds, config.seed)
    held_out = Segments(Path(config.corpus) / "dev", codec.sample_rate, config.seconds, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    average = AveragedModel(codec, multi_avg_fn=get_ema_multi_avg_fn(config.optim.average_decay))
    averaged: Codec = average.module  # type: ignore[assignment]
    optimizer = make_optimizer(codec, config.optim)
    parts = {"codec": codec, "average": average}
    state = run / "state.safetensors"
    first = 0
    if resume and state.exists():
        first = load_run(state, parts, optimizer, generator)
        print(f"resumed at step {first}", flush=True)
    else:
        left = solve(codec, data.batch(0, config.solve_segments).wav, seed=config.seed)
        averaged.load_state_dict(codec.state_dict())
        print("closed form, share of variance left:", {k: round(v, 3) for k, v in left.items()}, flush=True)
    board = SummaryWriter(str(run / "tensorboard"), purge_step=first)

    def publish(path: Path, step: int) -> None:
        path.parent.mkdir(exist_ok=True)
        heard = step * config.batch_size * config.seconds
        record = {"name": config.name, "training": {"steps": step, "seconds_heard": heard}, **config.record}
        save_codec(path, averaged, config.architecture, config.codec, record)

    if first == 0:
        publish(run / "start" / "model.safetensors", 0)
    codec.train()
    started = saved = time.monotonic()
    running: dict[str, float] = {}
    for step in range(first, config.steps):
        batch = data.batch(config.solve_segments // config.batch_size + step, config.batch_size)
        depths = sample_depths(config.batch_size, config.depths, codec.num_codebooks, config.dropout, generator)
        rate = learning_rate(step, config.steps, config.optim)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]

        total, losses = objective(codec, batch, depths)
        optimizer.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(codec.parameters(), config.optim.max_gradient_norm)
        optimizer.step()
        average.update_parameters(codec)

        for name, value in {**losses, "gradient_norm": norm}.items():
            running[name] = running.get(name, 0.0) + float(value) / config.log_every
        if (step + 1) % config.log_every == 0:
            speed = (step + 1 - first) * config.batch_size * config.seconds / (time.monotonic() - started)
            health = codebook_health(codec)
            for name, value in {**running, "learning_rate": rate, "audio_seconds_per_second": speed}.items():
                board.add_scalar(f"train/{name}", value, step + 1)
            for level, (perplexity, dead) in enumerate(health):
                board.add_scalar(f"codebook/perplexity_{level}", perplexity, step + 1)
                board.add_scalar(f"codebook/dead_{level}", dead, step + 1)
            shown = "  ".join(f"{name} {value:.4g}" for name, value in running.items())
            used = " ".join(f"{h.perplexity:.0f}" for h in health)
            print(f"step {step + 1}/{config.steps}  {shown}  {speed:.1f} s/s  perplexity {used}", flush=True)
            running = {}
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            scores = validate(averaged, objective, held_out, config)
            for name, value in scores.items():
                board.add_scalar(f"dev/{name}", value, step + 1)
            append_record(run / "history.jsonl", {"step": step + 1, **scores})
            print("dev", "  ".join(f"{name} {value:.4f}" for name, value in scores.items()), flush=True)
        if time.monotonic() - saved > 60 * config.checkpoint_minutes or step + 1 == config.steps:
            save_run(state, step + 1, parts, optimizer, generator)
            publish(run / "model.safetensors", step + 1)
            saved = time.monotonic()
    left = refit_codebooks(averaged.eval(), data.batch(0, 2 * config.solve_segments).wav, config.seed)
    print("refitted, share of variance left:", {k: round(v, 3) for k, v in left.items()}, flush=True)
    publish(run / "model.safetensors", config.steps)
    board.close()
    return averaged
