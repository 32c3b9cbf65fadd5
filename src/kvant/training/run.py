"""A run: the codec, its average, where they start, who trains in a phase, and what is left behind."""

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kvant.checkpoint import save_codec
from kvant.codec import Codec
from kvant.codecs import CODECS
from kvant.data import Batch, Segments
from kvant.errors import UsageError
from kvant.quantizers.residual import sample_depths
from kvant.training.adversary import Adversary
from kvant.training.closed_form import refit_codebooks, solve
from kvant.training.config import PARTS, Phase, TrainingConfig
from kvant.training.gan_step import GanStep
from kvant.training.objective import Objective
from kvant.training.optimizers import codec_optimizer, discriminator_optimizer
from kvant.training.run_state import RunState
from kvant.training.start import STATE, load_adversary, load_parts


class Run:
    """What `loop.train` moves from step to step. folder: of the run; everything it publishes goes there."""

    def __init__(self, config: TrainingConfig, folder: Path) -> None:
        self.config, self.folder = config, folder
        spread = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
        self.accelerator = Accelerator(mixed_precision=config.precision, kwargs_handlers=[spread])
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
    def depths(self) -> list[int]:
        """Numbers of levels that training practises."""
        return sorted({*self.config.depths, self.codec.num_codebooks})

    def segments(self, split: str, phase: Phase) -> Segments:
        """A split of the corpus in segments as long as the phase takes them."""
        return Segments(Path(self.config.corpus) / split, self.codec.sample_rate, phase.seconds, self.config.seed)

    def batch(self, index: int, step: int) -> tuple[Batch, Tensor]:
        """Of a step of phase `index`, the share of this process: recordings, and how many levels each uses."""
        size = self.config.phases[index].batch_size
        ranks, rank = self.accelerator.num_processes, self.accelerator.process_index
        if size % ranks:
            raise UsageError(f"batch_size={size}: must be a multiple of the {ranks} processes")
        skipped = self.config.solve_segments // size if index == 0 else 0
        batch = self.data[index].batch((skipped + step) * ranks + rank, size // ranks, epoch=index)
        full = self.codec.num_codebooks
        depths = sample_depths(size, self.config.depths, full, self.config.dropout, self.generator)
        return self.placed(batch), depths.chunk(ranks)[rank].to(self.accelerator.device)

    def placed(self, batch: Batch) -> Batch:
        """On the device of this process."""
        return Batch(*(tensor.to(self.accelerator.device) for tensor in batch))

    def begin(self) -> None:
        """Step 0: the closed form, or the weights that the config names; published as `start/model.safetensors`."""
        if self.config.start.checkpoint:
            for name in load_parts(self.codec, self.config.start):
                print(f"{name}: not of this codec's shape, starts anew", flush=True)
        else:
            wav = self.data[0].batch(0, self.config.solve_segments).wav.to(self.accelerator.device)
            left = solve(self.codec, wav, seed=self.config.seed)
            print("closed form, share of variance left:", _rounded(left), flush=True)
        self.averaged.load_state_dict(self.codec.state_dict())
        self.publish(self.folder / "start" / "model.safetensors", 0)

    def enlist(self, index: int) -> tuple[GanStep, RunState]:
        """Who learns in phase `index`, and the state that is saved of them."""
        phase = self.config.phases[index]
        self.codec.train()
        for part in PARTS:
            module = getattr(self.codec, part)
            module.requires_grad_(part in phase.trains).train(part in phase.trains)
        optimizers = {"codec": codec_optimizer(self.codec, phase.optim)}
        modules: dict[str, nn.Module] = {"codec": self.codec, "average": self.average}
        players: dict[str, Any] = {}
        if phase.adversary is not None:
            torch.manual_seed(self.config.seed + index)
            self.adversary = Adversary(phase.adversary).to(self.accelerator.device)
            if self.config.start.checkpoint:
                load_adversary(self.adversary, Path(self.config.start.checkpoint))
            rate = phase.adversary.learning_rate
            optimizers["adversary"] = discriminator_optimizer(self.adversary, rate, phase.optim)
            modules["adversary"] = self.adversary
            players = {
                "adversary": self.adversary,
                "discriminator": self.accelerator.prepare(self.adversary),
                "discriminator_optimizer": optimizers["adversary"],
            }
        codec = self.accelerator.prepare(self.codec)
        step = GanStep(self.accelerator, phase, self.objective, codec, optimizers["codec"], **players)
        corpus = self.data[index].fingerprint
        return step, RunState(self.folder / STATE, modules, optimizers, self.generator, corpus)

    def settle(self, index: int) -> None:
        """The end of phase `index`: the average becomes the codec, and codebooks that learnt are refitted to it."""
        self.averaged.eval()
        if "quantizer" in self.config.phases[index].trains:
            wav = self.data[index].batch(0, 2 * self.config.solve_segments).wav.to(self.accelerator.device)
            left = refit_codebooks(self.averaged, wav, self.config.seed)
            print("refitted, share of variance left:", _rounded(left), flush=True)
        self.codec.load_state_dict(self.averaged.state_dict())

    def publish(self, path: Path, step: int) -> None:
        """Write the averaged codec after `step` steps."""
        if self.accelerator.is_main_process:
            path.parent.mkdir(exist_ok=True)
            training = {"steps": step, "seconds_heard": self.config.seconds_heard(step)}
            record = {"name": self.config.name, "training": training, **self.config.record}
            save_codec(path, self.averaged, self.config.architecture, self.config.codec, record)


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in shares.items()}
