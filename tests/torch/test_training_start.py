"""Fine-tuning with one command: what a run takes over from another model, and what it refuses."""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from typer.testing import CliRunner

from kvant.checkpoint import load_codec
from kvant.cli.app import app
from kvant.codecs import frame
from kvant.errors import ModelError, UsageError
from kvant.training import loop
from kvant.training.config import StartConfig
from kvant.training.overrides import override
from kvant.training.resuming import check_same_run
from kvant.training.run import Run
from kvant.training.start import load_adversary, load_parts
from tests.torch import small_run

Train = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with an adversary."""
    run = tmp_path_factory.mktemp("trained")
    loop.train(small_run.config(corpus, small_run.phase(4, adversary=small_run.ADVERSARY)), run)
    return run


@pytest.fixture
def train(corpus: Path, tmp_path: Path) -> Train:
    """`train(options...)`: exit code and what `kvant train` said; the run is `tmp_path / "run"`, of 2 steps."""
    recipe = tmp_path / "recipe.py"
    recipe.write_text(
        "from pathlib import Path\nfrom tests.torch import small_run\n"
        "phase = small_run.phase(2, adversary=small_run.ADVERSARY)\n"
        f"config = small_run.config(Path({str(corpus)!r}), phase)\n"
    )

    def train(*options: object) -> tuple[int, str]:
        given = ["train", str(recipe), "-o", str(tmp_path / "run"), *map(str, options)]
        result = CliRunner().invoke(app, given, prog_name="kvant")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output

    return train


def tensors(model: Path, part: str = "") -> dict[str, Tensor]:
    return {name: tensor for name, tensor in load_codec(model).state_dict().items() if name.startswith(part)}


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, tensor in after.items() if not torch.equal(before[name], tensor)}


def parts_of(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


class TestFineTuning:
    def test_all_of_a_model(self, train: Train, trained: Path, tmp_path: Path) -> None:
        code, said = train("--from", trained)
        assert code == 0, said
        assert "closed form" not in said
        begun, ended = (tensors(tmp_path / "run" / name) for name in ("start/model.safetensors", "model.safetensors"))
        assert moved(tensors(trained / "model.safetensors"), begun) == set()
        assert parts_of(moved(begun, ended)) == {"encoder", "quantizer", "decoder"}

    def test_the_decoder_alone(self, train: Train, trained: Path, tmp_path: Path) -> None:
        """The stream stays what it was: the same codes mean the same, and sound better."""
        code, said = train("phases.0.trains=decoder", "--from", trained / "model.safetensors")
        assert code == 0, said
        before, after = tensors(trained / "model.safetensors"), tensors(tmp_path / "run" / "model.safetensors")
        assert parts_of(moved(before, after)) == {"decoder"}

    def test_another_encoder_for_codes_that_stay(self, train: Train, trained: Path, tmp_path: Path) -> None:
        """Wider layers start anew, the transform before them fits: quantizer and decoder are taken over and stay."""
        code, said = train(
            *("codec.encoder.hidden=40", "phases.0.trains=encoder"),
            *("--from", trained, "--parts", "encoder,quantizer,decoder"),
        )
        assert code == 0, said
        assert "encoder.context.parts.0.expand.weight: not of this codec's shape, starts anew" in said
        before = tensors(trained / "model.safetensors")
        begun, ended = (tensors(tmp_path / "run" / name) for name in ("start/model.safetensors", "model.safetensors"))
        assert begun["encoder.context.parts.0.expand.weight"].shape[0] == 40
        assert torch.equal(begun["encoder.klt.basis"], before["encoder.klt.basis"])
        assert parts_of(moved(begun, ended)) == {"encoder"}
        for part in ("quantizer", "decoder"):
            kept = {name: tensor for name, tensor in ended.items() if name.startswith(part)}
            assert moved(before, kept) == set()

    def test_a_shipped_model_goes_by_its_name(self) -> None:
        codec = frame.build(frame.Config(num_codebooks=12))
        assert load_parts(codec, StartConfig("kvant-voice-24k", ("quantizer",))) == []
        assert codec.quantizer.codebooks[0].steps > 0

    def test_codebooks_of_another_dimension_start_as_new_ones(self, trained: Path) -> None:
        """Their statistics have shapes that fit, but belong to the vectors that do not."""
        codec = frame.build(dataclasses.replace(small_run.CODEC, latent_dim=16))
        passed_over = load_parts(codec, StartConfig(str(trained)))
        assert "quantizer.codebooks.0.weight" in passed_over
        assert [int(codebook.steps) for codebook in codec.quantizer.codebooks] == [0, 0, 0]


class TestDiscriminator:
    def test_it_is_taken_over_from_the_state_of_a_run(self, corpus: Path, trained: Path, tmp_path: Path) -> None:
        config = small_run.config(corpus, small_run.phase(1, adversary=small_run.ADVERSARY))
        run = Run(dataclasses.replace(config, start=StartConfig(str(trained))), tmp_path)
        run.enlist(0, saved=False)
        state = load_file(trained / "state.safetensors")
        assert run.adversary is not None
        taken = run.adversary.state_dict()
        assert len(taken) > 10
        assert all(torch.equal(tensor, state[f"adversary/{name}"]) for name, tensor in taken.items())

    def test_one_of_another_kind_starts_anew(self, trained: Path) -> None:
        adversary = torch.nn.Linear(3, 3)
        before = adversary.weight.clone()
        assert load_adversary(adversary, StartConfig(str(trained))) is False
        assert torch.equal(adversary.weight, before)

    def test_a_damaged_state_is_a_clear_error(self, trained: Path, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes((trained / "model.safetensors").read_bytes())
        (tmp_path / "state.safetensors").write_bytes((trained / "state.safetensors").read_bytes()[:-9])
        with pytest.raises(ModelError, match=r"state\.safetensors: not a readable training state"):
            load_adversary(torch.nn.Linear(3, 3), StartConfig(str(tmp_path)))


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "code", "complaint"),
        [
            (["--from", "nowhere"], 3, "nowhere: no model of this name (shipped: kvant-voice-24k)"),
            (["--from", "{recipe}"], 3, "recipe.py: "),
            (
                ["--from", "{trained}", "--parts", "decoder,head"],
                2,
                "no part 'head'; there are encoder, quantizer",
            ),
            (["--from", "{trained}", "--parts", ""], 2, "no part; there are encoder, quantizer, decoder"),
            (["--parts", "decoder"], 2, "--parts: of which model? name it with --from"),
            (["--from", "{trained}", "--parts", "quantizer", "codec.latent_dim=16"], 2, "no quantizer in it fits"),
        ],
    )
    def test_what_cannot_be_taken_over_is_a_clear_error(
        self, train: Train, trained: Path, tmp_path: Path, options: list[str], code: int, complaint: str
    ) -> None:
        places = {"trained": trained, "recipe": tmp_path / "recipe.py"}
        found, said = train(*(option.format(**places) for option in options))
        assert (found, complaint in said) == (code, True), said
        assert not (tmp_path / "run" / "model.safetensors").exists()

    def test_resuming_needs_the_start_no_more(self, train: Train, trained: Path, tmp_path: Path) -> None:
        model = tmp_path / "model.safetensors"
        model.write_bytes((trained / "model.safetensors").read_bytes())
        assert train("--from", model)[0] == 0
        model.unlink()
        before = tensors(tmp_path / "run" / "model.safetensors")
        code, said = train("--from", model, "--resume")
        assert code == 0, said
        assert moved(before, tensors(tmp_path / "run" / "model.safetensors")) == set()

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ("seed=5", "seed=5: this run began with 0"),
            ("phases.0.batch_size=8", "phases.0.batch_size=8: this run began with 4"),
            ("phases.0.optim.learning_rate=1", "phases.0.optim.learning_rate=1.0: this run began with 0.003"),
            ("codec.encoder.hidden=40", "codec.encoder.hidden=40: this run began with 24"),
            ("phases.0.steps=9", None),
            ("phases.1.batch_size=8", None),
            ("phases.1.steps=9", None),
            ("corpus=elsewhere", None),
            ("log.every=7", None),
            ("record.licence=MIT", None),
        ],
    )
    def test_a_run_goes_on_as_what_it_began(self, tmp_path: Path, change: str, complaint: str | None) -> None:
        """After 6 of its 12 steps: what is to come may be other, and how much is said of it."""
        config = small_run.two_phases(tmp_path)
        (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(config)))
        with contextlib.nullcontext() if complaint is None else pytest.raises(UsageError, match=complaint):
            check_same_run(tmp_path / "config.json", override(config, [change]), done=6)

    def test_a_phase_that_is_over_stays_as_long_as_it_was(self, tmp_path: Path) -> None:
        config = small_run.two_phases(tmp_path)
        (tmp_path / "config.json").write_text(json.dumps(dataclasses.asdict(config)))
        for change in ("phases.0.steps=9", "phases.1.batch_size=8"):
            with pytest.raises(UsageError, match=change):
                check_same_run(tmp_path / "config.json", override(config, [change]), done=7)

    def test_a_resumption_that_is_refused_changes_nothing(self, train: Train, trained: Path, tmp_path: Path) -> None:
        shutil.copytree(trained, tmp_path / "run")
        before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
        code, said = train("seed=5", "phases.0.steps=4", "--resume")
        assert (code, "seed=5: this run began with 0; go on with that" in said) == (2, True), said
        assert all((tmp_path / "run" / name).read_bytes() == content for name, content in before.items())

    def test_a_run_is_not_written_over(self, train: Train, trained: Path, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "state.safetensors").write_bytes(b"")
        code, said = train("--from", trained)
        assert (code, "holds a run already; continue it with --resume" in said) == (2, True)

    def test_another_corpus_does_not_continue_a_run(self, trained: Path, corpus: Path, tmp_path: Path) -> None:
        """Told by its fingerprint: the same clips elsewhere are the same corpus, one clip less is another."""
        moved_corpus = small_run.write_corpus(tmp_path / "elsewhere")
        phase = small_run.phase(4, adversary=small_run.ADVERSARY)
        state = (trained / "state.safetensors").read_bytes()
        run = tmp_path / "run"
        run.mkdir()
        (run / "state.safetensors").write_bytes(state)
        shutil.copy(trained / "config.json", run)
        loop.train(small_run.config(moved_corpus, phase), run, resume=True)
        clips = moved_corpus / "train" / "clips.jsonl"
        clips.write_text("\n".join(clips.read_text().splitlines()[:-1]))
        recorded = (run / "config.json").read_bytes()
        with pytest.raises(ModelError, match=r"state\.safetensors: trained on another corpus than the one given"):
            loop.train(dataclasses.replace(small_run.config(moved_corpus, phase), threads=2), run, resume=True)
        assert (run / "state.safetensors").read_bytes() == state
        assert (run / "config.json").read_bytes() == recorded


def test_unknown_parts_are_named_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match=r"start\.parts=head: no part 'head'"):
        load_parts(frame.build(small_run.CODEC), StartConfig("nowhere", ("head",)))
