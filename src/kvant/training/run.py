"""A run: the codec, its average, where they start, who trains in a phase, and what is left behind."""

import dataclasses
import json
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kvant.checkpoint import save_codec
from kvant.codec import Codec
from kvant.codecs import CODECS
from kvant.data import Batch, Segments
from kvant.errors import UsageError
from kvant.files import atomic_write
from kvant.quantizers import ResidualQuantizer, StructuredDropout
from kvant.training.adversary import Adversary
from kvant.training.closed_form import refit_codebooks, solve
from kvant.training.config import PARTS, Phase, TrainingConfig
from kvant.training.diagnosis.run_folder import CONFIG
from kvant.training.gan_step import GanStep, Opponent
from kvant.training.objective import Objective
from kvant.training.optimizers import codec_optimizer, discriminator_optimizer
from kvant.training.run_state import RunState
from kvant.training.start import STATE, load_adversary, load_parts

PRECISIONS = ("no", "bf16")


class Run:
    """What `loop.train` moves from step to step. folder: of the run; everything it publishes goes there."""

    def __init__(self, config: TrainingConfig, folder: Path) -> None:
        self.config, self.folder = config, folder
        if config.precision not in PRECISIONS:
            raise UsageError(f"precision={config.precision}: one of {', '.join(PRECISIONS)}")
        spread = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
        alone = not torch.accelerator.is_available()  # accelerate takes processes on CPUs for one run only if told
        self.accelerator = Accelerator(cpu=alone, mixed_precision=config.precision, kwargs_handlers=[spread])
        self.codec: Codec = CODECS[config.architecture][1](config.codec).to(self.accelerator.device)
        averaging = get_ema_multi_avg_fn(config.average_decay)
        self.average = AveragedModel(self.codec, multi_avg_fn=averaging)
        self.objective = Objective(config.weights, self.codec.sample_rate).to(self.accelerator.device)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.adversary: Adversary | None = None
        self.data = [self.segments("train", phase) for phase in config.phases]

    @property
    def averaged(self) -> Codec:
        """The codec with averaged weights: what is validated and published."""
        return self.average.module  # type: ignore[return-value]

    @property
    def depths(self) -> tuple[int, ...]:
        """Numbers of levels that training practises: those of the config that the codec has, and all."""
        levels = self.codec.num_codebooks
        return (*sorted({depth for depth in self.config.depths if depth < levels}), levels)

    def segments(self, split: str, phase: Phase) -> Segments:
        """A split of the corpus in segments as long as the phase takes them."""
        return Segments(Path(self.config.corpus) / split, self.codec.sample_rate, phase.seconds, self.config.seed)

    def batch(self, index: int, step: int) -> tuple[Batch, Tensor]:
        """Of a step of phase `index`, the share of this process: recordings, and how many levels each uses."""
        size, parts = self.config.phases[index].batch_size, self.config.phases[index].accumulate
        ranks, rank = self.accelerator.num_processes, self.accelerator.process_index
        if size % (ranks * parts):
            raise UsageError(f"batch_size={size}: must be a multiple of {ranks} processes x accumulate={parts}")
        skipped = self.config.solve_segments // size if index == 0 else 0
        batch = self.data[index].batch((skipped + step) * ranks + rank, size // ranks, epoch=index)
        practised = tuple(depth for depth in self.config.depths if depth in self.depths) or self.depths
        dropout = StructuredDropout(practised, self.config.dropout)
        depths = dropout(size, self.codec.num_codebooks, self.generator)
        return self.placed(batch), depths.chunk(ranks)[rank].to(self.accelerator.device)

    def placed(self, batch: Batch) -> Batch:
        """On the device of this process."""
        return Batch(*(tensor.to(self.accelerator.device) for tensor in batch))

    def begin(self) -> None:
        """Step 0: the closed form, or the weights that the config names; published as `start/model.safetensors`."""
        if self.config.start.checkpoint:
            for name in load_parts(self.codec, self.config.start):
                self.accelerator.print(f"{name}: not of this codec's shape, starts anew", flush=True)
        else:
            wav = self.data[0].batch(0, self.config.solve_segments).wav.to(self.accelerator.device)
            left = solve(self.codec, wav, seed=self.config.seed)
            self.accelerator.print("closed form, share of variance left:", _rounded(left), flush=True)
        self.averaged.load_state_dict(self.codec.state_dict())
        self.publish(self.folder / "start" / "model.safetensors", 0)

    def enlist(self, index: int, saved: bool) -> tuple[GanStep, RunState]:
        """Who learns in phase `index`, and the state that is saved of them. saved: that state is there, and is next."""
        phase = self.config.phases[index]
        self.codec.train()
        for part in PARTS:
            module = getattr(self.codec, part)
            module.requires_grad_(part in phase.trains).train(part in phase.trains)
        optimizers: dict[str, Optimizer] = {"codec": codec_optimizer(self.codec, phase.optim)}
        modules: dict[str, nn.Module] = {"codec": self.codec, "average": self.average}
        opponent = self.oppose(index, saved)
        if opponent is not None:
            optimizers["adversary"], modules["adversary"] = opponent.optimizer, opponent.adversary
        balancer = self.objective.balancer().to(self.accelerator.device) if phase.balanced else None
        if balancer is not None:
            modules["balancer"] = balancer
        codec = self.accelerator.prepare(self.codec)
        step = GanStep(self.accelerator, phase, self.objective, codec, optimizers["codec"], opponent, balancer)
        corpus = self.data[index].fingerprint
        return step, RunState(self.folder / STATE, modules, optimizers, self.generator, corpus)

    def oppose(self, index: int, saved: bool) -> Opponent | None:
        """Who judges in phase `index`, if anyone: as the phase before left it, else as the start has it, else new."""
        phase, before = self.config.phases[index], self.adversary
        self.adversary = None
        if phase.adversary is None:
            return None
        torch.manual_seed(self.config.seed + index)
        self.adversary = Adversary(phase.adversary).to(self.accelerator.device)
        if before is not None and before.kind == self.adversary.kind:
            self.adversary.load_state_dict(before.state_dict())
        elif self.config.start.checkpoint and not saved:
            load_adversary(self.adversary, self.config.start)
        optimizer = discriminator_optimizer(self.adversary, phase.adversary.learning_rate, phase.optim)
        return Opponent(self.adversary, self.accelerator.prepare(self.adversary), optimizer, phase.adversary.every)

    def settle(self, index: int) -> None:
        """The end of phase `index`: the average becomes the codec; codebooks that learnt are refitted, if they can."""
        self.averaged.eval()
        learnt = "quantizer" in self.config.phases[index].trains
        if self.config.refit and learnt and isinstance(self.codec.quantizer, ResidualQuantizer):
            wav = self.data[index].batch(0, 2 * self.config.solve_segments).wav.to(self.accelerator.device)
            left = refit_codebooks(self.averaged, wav, self.config.seed)
            self.accelerator.print("refitted, share of variance left:", _rounded(left), flush=True)
        self.codec.load_state_dict(self.averaged.state_dict())
        self.accelerator.unwrap_model(self.codec, keep_fp32_wrapper=False)
        self.accelerator.free_memory()

    def write_config(self) -> None:
        """`config.json`: what this run depends on."""
        if self.accelerator.is_main_process:
            with atomic_write(self.folder / CONFIG, overwrite=True) as sink:
                sink.write(json.dumps(dataclasses.asdict(self.config), indent=2).encode())

    def publish(self, path: Path, step: int) -> None:
        """Write the averaged codec after `step` steps."""
        if self.accelerator.is_main_process:
            path.parent.mkdir(exist_ok=True)
            training = {"steps": step, "seconds_heard": self.config.seconds_heard(step)}
            record = {"name": self.config.name, "training": training, **self.config.record}
            save_codec(path, self.averaged, self.config.architecture, self.config.codec, record)


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in shares.items()}
