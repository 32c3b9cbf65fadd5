"""What a grid holds fixed: the training of all cells, as changes to the bench's own config."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from kvant.codecs import ablation
from kvant.codecs.ablation.parts import made
from kvant.errors import UsageError
from kvant.quantizers.level_dropout import LEVEL_DROPOUTS, LevelDropout, NoDropout, UniformDropout
from kvant.training.config import LogConfig, OptimConfig, Phase, StartConfig, TrainingConfig
from kvant.training.overrides import override

OWN = ("name", "corpus", "architecture", "start", "seed", "threads", "codec.quantizer", "dropout", "depths", "log")
"""Keys of the config that the bench sets itself."""

NEVER = 1 << 30  # steps


def fixed_config(changes: Mapping[str, Any]) -> TrainingConfig:
    """The bench's config with `changes`, nested tables of a grid file. UsageError: no such key, or one that cells set.

    The weights are not averaged, nor codebooks refitted: either would blur what a codebook has learnt by itself.
    """
    texts = dict(_flat(changes))
    for key in texts:
        if own := [each for each in OWN if key == each or key.startswith(f"{each}.")]:
            raise UsageError(f"training.{key}: {own[0]} is set by the bench; leave it out")
    phase = Phase(steps=300, batch_size=8, optim=OptimConfig(learning_rate=1e-3, warmup_steps=30))
    backbone = dataclasses.replace(ablation.Config().backbone, num_codebooks=4, codebook_size=256)
    config = TrainingConfig(
        name="",
        corpus="",
        phases=(phase,),
        codec=ablation.Config(backbone),
        architecture="ablation",
        start=StartConfig(parts=("encoder", "decoder")),
        average_decay=0.0,
        solve_segments=480,
        refit=False,
        threads=1,
        log=LogConfig(every=NEVER, validate_every=NEVER),
    )
    return override(config, [f"{key}={text}" for key, text in texts.items()])


def with_dropout(config: TrainingConfig, text: str) -> TrainingConfig:
    """`config` with a level dropout by name. UsageError: no such policy."""
    levels = config.codec.backbone.num_codebooks
    policy: LevelDropout = made(text, LEVEL_DROPOUTS, "dropout")
    if isinstance(policy, NoDropout):
        return dataclasses.replace(config, depths=(levels,), dropout=0.0)
    depths = tuple(range(1, levels + 1)) if isinstance(policy, UniformDropout) else policy.depths
    return dataclasses.replace(config, depths=depths, dropout=policy.probability)


def natural_depths(levels: int) -> tuple[int, ...]:
    """1, 2, 4 ... levels, and all; none of none."""
    return tuple(sorted({*(1 << power for power in range(levels.bit_length())), levels} - {0}))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys, and values as `override` reads them."""
    if not isinstance(table, Mapping):
        raise UsageError(f"training: must be a table, got {table!r}")
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            members = value if isinstance(value, list) else [value]
            yield f"{prefix}{key}", ",".join(map(_written, members))


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
