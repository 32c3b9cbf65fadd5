"""A training run: it learns, stops anywhere, and goes on as if nothing had happened."""

import dataclasses
import io
import json
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from kvant.checkpoint import load_codec
from kvant.data import Batch, Segments
from kvant.errors import ModelError, UsageError
from kvant.model_file import digest, read_model_file
from kvant.training import loop
from kvant.training.objective import Objective
from kvant.training.run_state import append_record
from tests.torch import small_run

SIGNAL_LOSSES = ("mel", "loudness", "disturbance", "log_magnitude", "complex_stft")


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    run = tmp_path_factory.mktemp("finished")
    loop.train(small_run.config(corpus), run)
    return run


class TestRun:
    def test_twenty_steps_lower_the_loss_below_the_closed_form(self, corpus: Path, finished: Path) -> None:
        """On speech of the held-out part, at full depth and at one level."""
        config = small_run.config(corpus)
        objective = Objective(config.weights, 24000)
        held_out = Segments(corpus / "dev", 24000, 0.25, seed=5).batch(0, 24)
        for depth in (1, 3):
            losses = []
            for model in ("start/model.safetensors", "model.safetensors"):
                with torch.no_grad():
                    reconstruction = load_codec(finished / model)(held_out.wav, depth)
                    losses.append(float(sum(objective.weighted(objective(reconstruction, held_out)).values())))
            assert losses[1] < losses[0]

    def test_history_records_every_validation_at_every_depth(self, finished: Path) -> None:
        records = [json.loads(line) for line in (finished / "history.jsonl").read_text().splitlines()]
        assert [record["step"] for record in records] == [10, 20]
        names = {f"{loss}@{depth}" for loss in (*SIGNAL_LOSSES, "commitment") for depth in (1, 2, 3)}
        assert all(record.keys() == {"step"} | names for record in records)
        assert all(record["mel@3"] < record["mel@1"] for record in records)

    def test_the_model_says_how_it_was_trained(self, finished: Path, corpus: Path) -> None:
        metadata = read_model_file(finished / "model.safetensors").metadata
        assert metadata["training"] == {"steps": 20, "seconds_heard": 20 * 4 * 0.25}
        assert read_model_file(finished / "start" / "model.safetensors").metadata["training"]["steps"] == 0
        recorded = json.loads((finished / "config.json").read_text())
        assert recorded == json.loads(json.dumps(dataclasses.asdict(small_run.config(corpus))))

    def test_tensorboard_has_sounds_pictures_usage_and_curves(self, corpus: Path, finished: Path) -> None:
        """The decoded sounds are heard as they are: those of the averaged codec, in 16 bits."""
        board = EventAccumulator(str(finished / "tensorboard"), {"audio": 0, "images": 0, "histograms": 0}).Reload()
        tags = board.Tags()
        sounds = {"recording", "1_levels", "2_levels", "3_levels"}
        assert set(tags["audio"]) == {f"audio/{name}" for name in sounds}
        assert set(tags["images"]) == {f"spectrogram/{name}" for name in sounds}
        assert set(tags["histograms"]) == {f"usage/level_{level}" for level in range(3)}
        assert {"train/mel", "train/gradient_norm", "train/rate", "dev/mel@3", "health/level_0/perplexity"} <= set(
            tags["scalars"]
        )
        records = [json.loads(line) for line in (finished / "history.jsonl").read_text().splitlines()]
        shown = [(event.step, event.value) for event in board.Scalars("dev/mel@3")]
        assert shown == [(record["step"], pytest.approx(record["mel@3"], rel=1e-6)) for record in records]
        (recording,) = board.Audio("audio/recording")
        samples, rate = soundfile.read(io.BytesIO(recording.encoded_audio_string), dtype="float32")
        held_out = Segments(corpus / "dev", 24000, 0.25, seed=0).batch(0, 16).wav[:4]
        assert rate == 24000
        torch.testing.assert_close(torch.from_numpy(samples), held_out.flatten(), rtol=0, atol=2 / 32768)
        assert {event.step for event in board.Images("spectrogram/3_levels")} == {10, 20}


class TestResume:
    def test_a_stopped_run_ends_bit_for_bit_like_an_uninterrupted_one(
        self, corpus: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stop = 9
        config = small_run.config(corpus, checkpoint_minutes=0)
        batch = Segments.batch

        def interrupted(self: Segments, index: int, size: int, epoch: int = 0) -> Batch:
            if index == config.solve_segments // 4 + stop:
                raise KeyboardInterrupt
            return batch(self, index, size, epoch)

        monkeypatch.setattr(Segments, "batch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.train(config, tmp_path)
        monkeypatch.undo()
        assert int(load_file(tmp_path / "state.safetensors")["step"]) == stop
        loop.train(config, tmp_path, resume=True)
        small_run.assert_same(tmp_path, finished)

    def test_resuming_a_finished_run_changes_nothing(self, corpus: Path, finished: Path) -> None:
        before = (finished / "state.safetensors").read_bytes()
        loop.train(small_run.config(corpus), finished, resume=True)
        assert (finished / "state.safetensors").read_bytes() == before

    def test_resuming_nothing_starts_and_the_same_seed_gives_the_same_run(
        self, corpus: Path, finished: Path, tmp_path: Path
    ) -> None:
        loop.train(small_run.config(corpus), tmp_path, resume=True)
        small_run.assert_same(tmp_path, finished)

    def test_a_state_of_before_codebooks_counted_what_was_started_goes_on_alike(
        self, corpus: Path, finished: Path, tmp_path: Path
    ) -> None:
        """It lacks `started`; what has been trained is not started over."""
        tensors = load_file(finished / "state.safetensors")
        with safe_open(finished / "state.safetensors", "pt") as file:
            metadata = file.metadata()
        kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(".started")}
        assert len(tensors) - len(kept) == 2 * 3
        save_file(kept, tmp_path / "state.safetensors", metadata)
        codec = loop.train(small_run.config(corpus), tmp_path, resume=True)
        assert all(int(book.started) == 2 * book.size for book in codec.quantizer.codebooks)
        models = [read_model_file(folder / "model.safetensors").tensors for folder in (tmp_path, finished)]
        assert digest(models[0]) == digest(models[1])


class TestDamage:
    def test_a_history_without_room_is_a_clear_error(self) -> None:
        with pytest.raises(UsageError, match=r"/dev/full: cannot be written \(No space left on device\); free some"):
            append_record(Path("/dev/full"), {"step": 1})

    @pytest.mark.parametrize("damage", ["empty", "cut", "garbage"])
    def test_a_damaged_state_is_a_clear_error(self, corpus: Path, finished: Path, tmp_path: Path, damage: str) -> None:
        data = (finished / "state.safetensors").read_bytes()
        data = {"empty": b"", "cut": data[: len(data) // 2], "garbage": data[::-1]}[damage]
        (tmp_path / "state.safetensors").write_bytes(data)
        with pytest.raises(ModelError, match=r"state\.safetensors: not a readable training state.*delete it"):
            loop.train(small_run.config(corpus), tmp_path, resume=True)

    @pytest.mark.parametrize(
        "missing", ["codec/decoder.leave.weight", "generator", "step", "codec_optimizer/0/exp_avg"]
    )
    def test_a_state_that_lacks_something_is_a_clear_error(
        self, corpus: Path, finished: Path, tmp_path: Path, missing: str
    ) -> None:
        tensors: dict[str, Tensor] = load_file(finished / "state.safetensors")
        with safe_open(finished / "state.safetensors", "pt") as file:
            metadata = file.metadata()
        del tensors[missing]
        save_file(tensors, tmp_path / "state.safetensors", metadata)
        with pytest.raises(ModelError, match=r"state\.safetensors: .*delete it"):
            loop.train(small_run.config(corpus), tmp_path, resume=True)

    def test_the_state_of_another_codec_is_a_clear_error(self, corpus: Path, finished: Path, tmp_path: Path) -> None:
        (tmp_path / "state.safetensors").write_bytes((finished / "state.safetensors").read_bytes())
        wider = dataclasses.replace(small_run.CODEC, latent_dim=16)
        with pytest.raises(ModelError, match=r"state\.safetensors: .*delete it"):
            loop.train(dataclasses.replace(small_run.config(corpus), codec=wider), tmp_path, resume=True)
