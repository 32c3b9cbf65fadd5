"""What a run refuses before it begins, and what it does with codecs of other kinds than its own."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kvant.checkpoint import load_codec, save_codec
from kvant.codecs import ablation, dac, frame
from kvant.errors import UsageError
from kvant.training import loop
from kvant.training.config import AdversaryConfig, LogConfig, OptimConfig, Phase, StartConfig, TrainingConfig
from kvant.training.torch_settings import flushes_denormals
from tests.torch import small_run

DAC = dac.Config(
    sample_rate=24000,
    strides=(4, 8, 10),
    encoder_channels=4,
    decoder_channels=16,
    latent_dim=8,
    num_codebooks=1,
    codebook_size=8,
    codebook_dim=4,
)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: OptimConfig(warmup_steps=-1), "warmup_steps must be at least 0, not -1"),
        (lambda: AdversaryConfig(every=0), "every must be at least 1, not 0"),
        (lambda: LogConfig(every=0), "every must be at least 1, not 0"),
        (lambda: LogConfig(validate_every=0), "validate_every must be at least 1, not 0"),
        (lambda: Phase(steps=-1), "steps must be at least 0"),
        (lambda: Phase(1, batch_size=0), "batch_size must be at least 1"),
        (lambda: Phase(1, accumulate=0), "accumulate must be at least 1"),
        (lambda: Phase(1, seconds=0.0), "seconds must be more than 0"),
        (lambda: Phase(1, trains=("decodr",)), "trains must be some of encoder, quantizer, decoder, not decodr"),
        (lambda: Phase(1, trains=()), "trains must be some of encoder, quantizer, decoder, not none"),
    ],
)
def test_what_no_run_can_be_made_of_is_refused_by_name(build: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phases": ()}, "phases must be one or more"),
        ({"depths": ()}, "depths must be numbers of levels, from 1 on"),
        ({"depths": (0, 2)}, "depths must be numbers of levels, from 1 on"),
        ({"solve_segments": 0}, "solve_segments must be at least 1"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"architecture": "nope"}, "architecture must be one of frame, .*, not nope"),
        ({"architecture": "encodec-stereo"}, "architecture must be one of frame, .*, not encodec-stereo"),
        ({"architecture": "dac"}, r"architecture dac is not built from a kvant\.codecs\.frame\.Config"),
    ],
)
def test_a_config_that_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    config = TrainingConfig("x", "corpus", (Phase(1),))
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(config, **change)


@pytest.mark.parametrize("kind", ["dac", "stages", "one codebook"])
def test_codecs_whose_codebooks_cannot_be_refitted_train_by_default(corpus: Path, tmp_path: Path, kind: str) -> None:
    """Through two phases, the second of the decoder alone: their codebooks stay as they were learnt.

    Depths that the codec does not have are not practised, and those it has are validated.
    """
    architecture, config = {
        "dac": ("dac", DAC),
        "stages": ("ablation", ablation.Config(small_run.CODEC, ablation.QuantizerConfig("MultiStageQuantizer"))),
        "one codebook": ("frame", dataclasses.replace(small_run.CODEC, num_codebooks=1)),
    }[kind]
    build = {"dac": dac.build, "ablation": ablation.build, "frame": frame.build}[architecture]
    torch.manual_seed(0)
    save_codec(tmp_path / "start.safetensors", build(config), architecture, config, {"name": "untrained"})
    chosen = dataclasses.replace(
        small_run.config(corpus, small_run.phase(2), small_run.phase(2, trains=("decoder",))),
        codec=config,
        architecture=architecture,
        start=StartConfig(str(tmp_path / "start.safetensors")),
        depths=(1, 2, 4),
    )
    codec = loop.train(chosen, tmp_path / "run")
    assert load_codec(tmp_path / "run" / "model.safetensors").num_codebooks == codec.num_codebooks
    said = (tmp_path / "run" / "history.jsonl").read_text()
    depths = {depth for depth in range(1, 5) if f'"mel@{depth}"' in said}
    assert depths == ({1, 2, 3} if kind == "stages" else {1})


def test_torch_is_left_as_it_was(corpus: Path, tmp_path: Path) -> None:
    """Threads, the treatment of denormal numbers, and the random numbers that come next."""
    torch.manual_seed(7)
    expected, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(7)
    chosen = dataclasses.replace(small_run.config(corpus, small_run.phase(1)), threads=threads + 1)
    loop.train(chosen, tmp_path)
    assert torch.get_num_threads() == threads
    assert not flushes_denormals()
    assert torch.equal(torch.rand(3), expected)
