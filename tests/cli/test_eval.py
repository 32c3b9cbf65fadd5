"""`kvant eval`: the folder it makes, what it prints, and what it refuses."""

import re
import shutil
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant.audio import read, write
from kvant.evaluation.metrics import SiSdr
from kvant.evaluation.results import from_json
from tests.cli.conftest import ASSETS, RATE, Outcome

CHEAP = ("--metrics", "si-sdr,mel", "--baselines", "none")
SYSTEMS = ["kvant-voice-24k 0.75", "kvant-voice-24k 3", "recording"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of two speakers each, in a folder of their own."""
    root = tmp_path_factory.mktemp("voices")
    for name in ("en", "ru"):
        wav, sample_rate = read(ASSETS / f"{name}.flac")
        (root / name).mkdir()
        write(root / name / "talk.wav", wav[:, RATE // 2 : 3 * RATE // 2], sample_rate)
    return root


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory, run: Callable[..., Outcome]) -> tuple[Path, Outcome]:
    target = tmp_path_factory.mktemp("eval") / "new" / "report"
    done = run("eval", "--data", folder, "-o", target, "-b", "0.75,3", *CHEAP)
    assert (done.code, done.err) == (0, "")
    return target, done


def test_what_is_printed(made: tuple[Path, Outcome]) -> None:
    target, done = made
    lines = done.out.splitlines()
    assert lines[0] == (
        "self check: identity is perfect in every metric; recognised a delay of 137 samples, inversion (gain -1) and "
        "attenuation (gain 0.5)"
    )
    assert [line[:20].strip() for line in lines[3:6]] == SYSTEMS
    assert lines[5].split() == ["recording", "256.00", "100.00", "0.000"]
    assert lines[-1] == f"read and hear: {target / 'index.html'}"


def test_results_are_those_of_each_clip(made: tuple[Path, Outcome], folder: Path) -> None:
    found = from_json((made[0] / "results.json").read_text())
    assert [(clip.name, clip.speaker, clip.seconds) for clip in found.clips] == [
        ("en/talk.wav", "en", 1.0),
        ("ru/talk.wav", "ru", 1.0),
    ]
    assert [(each.system, each.clip) for each in found.measurements] == [(name, i) for name in SYSTEMS for i in (0, 1)]
    assert list(found.speakers) == ["en", "ru"]
    assert found.about["codecs"]["kvant-voice-24k"]["engine"] == "onnxruntime"

    wav, sample_rate = read(folder / "en" / "talk.wav")
    codec = kvant.load()
    codes = codec.encode(wav, sample_rate, num_codebooks=4)
    first = next(each for each in found.measurements if each.system == "kvant-voice-24k 3")
    assert first.bits == 10 * codes.codes.size
    assert first.alignment.delay == 0
    assert first.scores["SI-SDR"] == pytest.approx(SiSdr()(codec.decode(codes), wav, sample_rate)[0], abs=1e-3)

    rate = found.entropy["kvant-voice-24k 3"]
    assert rate.frames == 2 * codes.codes.shape[-1]
    assert 0 < rate.bitrate < 3000
    assert not rate.trusted


def test_tables_say_that_a_few_clips_make_no_entropy(made: tuple[Path, Outcome]) -> None:
    text = (made[0] / "table.md").read_text()
    assert text.startswith("| system | kbit/s | SI-SDR (dB) ↑ | mel distance (log10) ↓ |\n|---|--:|--:|--:|\n")
    frames = from_json((made[0] / "results.json").read_text()).entropy["kvant-voice-24k 3"].frames
    assert f"from {frames} frames. Marked †: too few frames to be trusted" in text
    assert "20,480" in text


class Addresses(HTMLParser):
    """Every address a page loads or links to, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "data-sound", "href")
        self.found |= {value for name, value in attributes if name in names and value}

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_the_page_plays_every_system_from_files_beside_it(made: tuple[Path, Outcome], folder: Path) -> None:
    pytest.importorskip("matplotlib")
    target, _ = made
    page = Addresses((target / "index.html").read_text(encoding="utf-8"))
    sounds = {address for address in page.found if address.endswith(".flac")}
    assert sounds == {f"audio/{path.name}" for path in (target / "audio").iterdir()}
    assert len(sounds) == 2 * len(SYSTEMS)
    assert all((target / address).exists() for address in page.found)
    assert page.found - sounds == {
        "audio/",
        "results.json",
        "table.md",
        "rate_distortion.png",
        "rate_distortion_dark.png",
    }
    for picture in ("rate_distortion.png", "rate_distortion_dark.png"):
        assert (target / picture).read_bytes().startswith(b"\x89PNG")
    kept, sample_rate = read(target / "audio" / "01-03-recording.flac")
    assert sample_rate == RATE
    np.testing.assert_array_equal(kept, read(folder / "en" / "talk.wav")[0])
    assert {*SYSTEMS, "en", "ru", "SI-SDR (dB) ↑"} <= set(page.cells)


def test_recordings_of_unknown_speakers_are_told_apart_by_name(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    """Nor is a single group told again as one of many."""
    shutil.copy(folder / "en" / "talk.wav", tmp_path / "first.wav")
    shutil.copy(folder / "ru" / "talk.wav", tmp_path / "second.wav")
    target = tmp_path / "report"
    assert run("eval", "--data", tmp_path, "-o", target, "-b", 0.75, *CHEAP).code == 0
    page = (target / "index.html").read_text(encoding="utf-8")
    clips = {f'{name}.wav<span class="tag">1.0 s</span>' for name in ("first", "second")}
    assert set(re.findall(r"<h2>(.*?)</h2>", page)) - clips == {
        *("Quality", "Listen", "Rates and speed", "How it was measured"),
    }
    assert all(clip in page for clip in clips)
    assert "2 clips, 2 s, speakers unknown; seed 0." in page


def test_json_is_all_that_is_printed_and_jobs_change_no_score(
    made: tuple[Path, Outcome], folder: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    rest = ("-b", "0.75", "-b", "3", "--jobs", "2", "--json", "--clips", 2, *CHEAP)
    done = run("eval", "kvant-voice-24k", "--data", folder, "-o", tmp_path / "out", *rest)
    assert done.code == 0
    assert done.out == (tmp_path / "out" / "results.json").read_text()
    again, before = from_json(done.out), from_json((made[0] / "results.json").read_text())
    for now, then in zip(again.measurements, before.measurements, strict=True):
        # To rounding: where arrays happen to lie in memory decides how numpy groups their sums.
        assert now.scores == pytest.approx(then.scores, rel=1e-12)
    assert again.entropy == before.entropy
    assert "2 such measurements at a time" in (tmp_path / "out" / "table.md").read_text()


def test_weights_of_a_run_are_measured_on_torch_and_labels_name_codecs(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    pytest.importorskip("torch")
    weights = Path(kvant.__file__).parent / "models" / "kvant-voice-24k" / "model.safetensors"
    rest = ("--data", folder, "-o", tmp_path / "out", "--clips", 1, "-b", 6, *CHEAP)
    done = run("eval", f"trained={weights}", "shipped=kvant-voice-24k", *rest)
    assert done.code == 0
    found = from_json((tmp_path / "out" / "results.json").read_text())
    torch, onnx, _ = found.measurements
    assert (torch.system, onnx.system) == ("trained 6", "shipped 6")
    assert [found.about["codecs"][name]["engine"] for name in ("trained", "shipped")] == ["torch", "onnxruntime"]
    assert torch.bits == onnx.bits
    for metric, score in onnx.scores.items():
        assert torch.scores[metric] == pytest.approx(score, abs=1e-2)


def test_each_width_of_the_beam_is_a_system_on_either_engine(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    pytest.importorskip("torch")
    weights = Path(kvant.__file__).parent / "models" / "kvant-voice-24k" / "model.safetensors"
    rest = ("--data", folder, "-o", tmp_path / "out", "--clips", 1, "-b", 3, "--beam", "3,1", "--refine", 2, *CHEAP)
    done = run("eval", "onnx=kvant-voice-24k", f"torch={weights}", *rest)
    assert done.code == 0
    found = from_json((tmp_path / "out" / "results.json").read_text())
    scores = {each.system: each.scores["SI-SDR"] for each in found.measurements}
    searched = ("", " (beam 3)", " (refined)")
    assert [*scores] == [*(f"{label}{how} 3" for label in ("onnx", "torch") for how in searched), "recording"]
    wav, sample_rate = read(folder / found.clips[0].name)
    codec = kvant.load()
    heard = codec.decode(codec.encode(wav, sample_rate, 4, beam=3))
    assert scores["onnx (beam 3) 3"] == pytest.approx(SiSdr()(heard, wav, sample_rate)[0], abs=1e-3)
    assert scores["onnx 3"] != pytest.approx(scores["onnx (beam 3) 3"], abs=1e-2)
    refined = codec.decode(codec.encode(wav, sample_rate, 4, refine=2))
    assert scores["onnx (refined) 3"] == pytest.approx(SiSdr()(refined, wav, sample_rate)[0], abs=1e-3)
    assert scores["torch (refined) 3"] == pytest.approx(scores["onnx (refined) 3"], abs=1e-3)
    rates = {name: rate.bitrate for name, rate in found.entropy.items()}
    assert rates["torch (beam 3) 3"] == pytest.approx(rates["onnx (beam 3) 3"], rel=1e-3)
    assert rates["torch (beam 3) 3"] != pytest.approx(rates["torch 3"], rel=1e-3)


def test_a_broken_metric_is_found_before_anything_is_made(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SiSdr, "__call__", lambda *_: np.array([12.0]))
    done = run("eval", "--data", folder, "-o", tmp_path / "out", *CHEAP)
    assert done.code == 4
    assert done.err == "kvant: error: SI-SDR of identity is 12.0, not 100.0\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_refused_and_force_keeps_what_is_not_replaced(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    (tmp_path / "table.md").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    rest = ("--data", folder, "-o", tmp_path, "--clips", 1, "-b", 0.75, *CHEAP)
    done = run("eval", *rest)
    assert (done.code, (tmp_path / "table.md").read_text()) == (2, "old")
    assert "use -f" in done.err
    assert run("eval", "--force", *rest).code == 0
    assert (tmp_path / "table.md").read_text().startswith("| system")
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-b", "0.1"), 2, "too low for kvant-voice-24k"),
        (("-b", "six"), 2, "must be numbers"),
        (("-b", "-1"), 2, "more than 0"),
        (("--beam", "0"), 2, "beam 0: must be 1 (greedy) to 256"),
        (("--beam", "-2"), 2, "--beam -2: must be whole numbers from 1"),
        (("--beam", "4,wide"), 2, "must be whole numbers from 1"),
        (("--metrics", "loudness"), 2, "unknown metrics loudness"),
        (("--baselines", "mp3:64"), 2, "no baseline"),
        (("--clips", "3"), 2, "gives only 2 clips, 3 are asked for"),
        (("no-such-model",), 3, "no model of this name"),
        (("a=kvant-voice-24k", "a=kvant-voice-24k"), 2, "two codecs would be called 'a'"),
        (("=kvant-voice-24k",), 2, "LABEL=CODEC"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_made(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome], arguments: tuple[str, ...], code: int, message: str
) -> None:
    cheap = () if {"--metrics", "--baselines"} & set(arguments) else CHEAP
    done = run("eval", *arguments, "--data", folder, "-o", tmp_path / "out", *cheap)
    assert done.code == code
    assert message in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["eval", "demo"])
def test_a_folder_that_cannot_be_made_is_refused_before_the_work(
    verb: str, folder: Path, tmp_path: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setattr("kvant.cli.eval._measure", lambda *_: pytest.fail("measured"))
    monkeypatch.setattr("kvant.cli.demo.measuring.measure", lambda *_: pytest.fail("measured"))
    target = tmp_path / "new" / "out"
    done = run(verb, "-o", target, *(("--data", folder, *CHEAP) if verb == "eval" else ()))
    message = f"kvant: error: {target}: cannot be made or written into; name a folder that is yours\n"
    assert (done.code, done.out, done.err) == (2, "", message)
    (tmp_path / "file").write_text("no folder")
    assert run(verb, "-o", tmp_path / "file" / "out", *(("--data", folder) if verb == "eval" else ())).code == 2


def test_an_error_of_a_codec_names_the_clip(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise kvant.errors.AudioError("does not sound right")

    monkeypatch.setattr("kvant.evaluation.baselines.Recording.decode", refuse)
    done = run("eval", "--data", folder, "-o", tmp_path / "out", "-b", 0.75, *CHEAP)
    assert done.code == 2
    assert done.err == "kvant: error: recording, clip en/talk.wav: does not sound right\n"
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_there_is_a_note_and_no_plot(
    folder: Path, tmp_path: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = run("eval", "--data", folder, "-o", tmp_path / "out", "--clips", 1, "-b", 0.75, *CHEAP)
    assert done.code == 0
    assert done.err.startswith("kvant: note: no plot: ")
    assert "pip install 'kvant[eval]'" in done.err
    assert "<img" not in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
