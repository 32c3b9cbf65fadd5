"""Runs that are killed, or whose disk fills up, end as if nothing had happened."""

import random
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kvant.checkpoint import load_codec
from kvant.training.diagnosis.records import read_records
from kvant.training.run_state import saved_step
from tests.torch import small_run, worker
from tests.torch.worker import Trouble


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of two phases."""
    run = tmp_path_factory.mktemp("finished") / "run"
    worker.finish(worker.start(small_run.two_phases(corpus), run), run)
    return run


def test_a_run_killed_five_times_ends_bit_for_bit_like_an_uninterrupted_one(
    corpus: Path, finished: Path, tmp_path: Path
) -> None:
    """At random moments of both phases, inside saves of both, and between the phases; a save after every step."""
    config, run = small_run.two_phases(corpus, checkpoint_minutes=0), tmp_path / "run"
    moments = random.Random(0)
    kills = [  # a moment after a step (which goes no further than to the save named), or where the run hangs
        (1, Trouble(hang_in_save=4)),
        (None, Trouble(hang_in_save=5)),
        (None, Trouble(hang_in_settle=0)),
        (7, Trouble(hang_in_save=9)),
        (None, Trouble(hang_in_save=10)),
    ]
    reached = []
    for step, trouble in kills:
        process = worker.start(config, run, trouble)
        worker.wait_for(process, run, step)
        if step is not None:
            process.join(moments.uniform(0, 0.2))
        worker.kill(process)
        reached.append(saved_step(run / "state.safetensors"))
        assert load_codec(run / "model.safetensors")
    assert 1 <= reached[0] < reached[1] == 4 < reached[2] == 6
    assert 7 <= reached[3] < reached[4] == 9
    assert read_records(run / "history.jsonl")[-1]["step"] == 10  # validated, not saved: to be taken back
    left_behind = list(run.glob(".kvant-*.tmp"))
    assert 2 <= len(left_behind) <= 4  # those of the saves, and perhaps of writes that a random moment met
    worker.finish(worker.start(config, run), run)
    small_run.assert_same(run, finished)
    curves, expected = (dev_curves(folder) for folder in (run, finished))
    assert [step for step, _ in expected["dev/mel@3"]] == [6, 10, 12]
    assert curves == expected


def dev_curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of validations: (step, value) by name."""
    board = EventAccumulator(str(run / "tensorboard"), {"scalars": 0}).Reload()
    names = [name for name in board.Tags()["scalars"] if name.startswith("dev/")]
    return {name: [(event.step, event.value) for event in board.Scalars(name)] for name in names}


def test_a_full_disk_is_a_named_error_and_keeps_the_last_state(corpus: Path, finished: Path, tmp_path: Path) -> None:
    """The system itself refuses the second half of a save."""
    config, run = small_run.two_phases(corpus, checkpoint_minutes=0), tmp_path / "run"
    process = worker.start(config, run, Trouble(fill_in_save=8))
    process.join(worker.DEADLINE)
    said = run.with_suffix(".log").read_text()
    assert process.exitcode == 1
    assert f"UsageError: {run / 'state.safetensors'}: cannot be written (File too large); free some space" in said
    assert saved_step(run / "state.safetensors") == 7
    assert list(run.glob(".kvant-*.tmp")) == []
    assert load_codec(run / "model.safetensors")
    worker.finish(worker.start(config, run), run)
    small_run.assert_same(run, finished)
