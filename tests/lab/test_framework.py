"""The laboratory as users run it: what is printed, written and refused; and what experiments hear."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from kvant.cli.app import app
from kvant.errors import UsageError
from kvant.lab.bench import Bench
from kvant.lab.figure import render
from kvant.lab.folder import read_all, to_csv
from kvant.lab.latents import solve
from kvant.lab.markdown import BEGIN, END
from tests.lab.conftest import FAIR, coin


@pytest.fixture
def lab() -> Callable[..., tuple[int, str, str]]:
    """`kvant lab ...` in this process: exit code, what was printed, what was complained."""

    def lab(*arguments: object) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["lab", *map(str, arguments)], prog_name="kvant")
        return result.exit_code, result.stdout, result.stderr

    return lab


@pytest.mark.usefixtures("fakes")
class TestCommands:
    def test_list(self, lab: Callable[..., tuple[int, str, str]]) -> None:
        assert lab("list")[1].splitlines() == [
            "z1-coin     A coin has two sides",
            "z2-loaded   A loaded coin",
            "z3-hearing  A coin that listens",
        ]

    def test_a_run_writes_figure_rows_and_finding(
        self, lab: Callable[..., tuple[int, str, str]], tmp_path: Path
    ) -> None:
        code, out, _ = lab("run", "z1", "-o", tmp_path, "--seed", 3)
        assert code == 0
        heads = coin(Bench(3)).rows[0]["heads"]
        assert f"  holds: a coin has two sides ({heads} heads)\n" in out
        assert out.endswith(f"{tmp_path / 'z1-coin'}\n\n")
        assert (tmp_path / "z1-coin/rows.csv").read_text() == (
            f"tosses,heads,share\n100,{heads},\n100,,{heads / 100:g}\n"
        )
        found = json.loads((tmp_path / "z1-coin/finding.json").read_bytes())
        assert (found["name"], found["seed"], found["seen"]) == ("z1-coin", 3, f"{heads} heads & <tails>.")
        assert Image.open(tmp_path / "z1-coin/figure.png").size == (1500, 840)
        assert sorted(path.name for path in (tmp_path / "z1-coin").iterdir()) == [
            "figure.png",
            "finding.json",
            "rows.csv",
        ]

    def test_a_check_that_does_not_hold_is_code_4_after_all_is_written(
        self, lab: Callable[..., tuple[int, str, str]], tmp_path: Path, corpus: Path
    ) -> None:
        code, out, _ = lab("run", "-o", tmp_path, "--data", corpus)
        assert code == 4
        assert "DOES NOT HOLD: it always lands on heads (it does not)" in out
        assert [told.name for told in read_all(tmp_path)] == ["z1-coin", "z2-loaded", "z3-hearing"]

    def test_what_is_refused(self, lab: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
        code, _, err = lab("run", "y", "-o", tmp_path)
        assert (code, "y: no such experiment; kvant lab list shows all" in err) == (2, True)
        code, _, err = lab("run", "-o", tmp_path)
        assert code == 2
        assert "z3-hearing: hears speech of a prepared corpus; kvant data fetch voices" in err
        code, _, err = lab("run", "z3", "-o", tmp_path, "--data", tmp_path)
        assert (code, "has no prepared split 'train'" in err) == (2, True)
        code, _, err = lab("report", "-o", tmp_path)
        assert (code, "holds no findings; kvant lab run" in err) == (2, True)
        assert list(tmp_path.iterdir()) == []

    def test_report(self, lab: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
        lab("run", "z2", "z1", "-o", tmp_path)
        page = tmp_path / "laboratory.md"
        page.write_text(f"# Before\n{BEGIN}\noutdated\n{END}\nafter\n")
        assert lab("report", "-o", tmp_path, "--markdown", page)[0] == 0
        html = (tmp_path / "index.html").read_text()
        assert html.index("A coin has two sides") < html.index("A loaded coin")
        assert "heads &amp; &lt;tails&gt;." in html
        assert "2 experiments, 1 of 2 checks hold" in html
        assert str(tmp_path) not in html
        for name in ("z1-coin/figure.png", "z1-coin/rows.csv"):
            assert f'"{name}"' in html
            assert (tmp_path / name).is_file()
        text = page.read_text()
        assert text.startswith(f"# Before\n{BEGIN}\n")
        assert text.endswith(f"{END}\nafter\n")
        assert "outdated" not in text
        assert "| [z2-loaded](#z2-loaded) | What does this one do? | 0 of 1 hold |" in text
        assert "- **does not hold**: it always lands on heads" in text
        assert (tmp_path / "lab/z1-coin.png").read_bytes() == (tmp_path / "z1-coin/figure.png").read_bytes()
        lab("report", "-o", tmp_path, "--markdown", page)
        assert page.read_text() == text

    def test_a_page_without_a_place_is_left_alone(
        self, lab: Callable[..., tuple[int, str, str]], tmp_path: Path
    ) -> None:
        lab("run", "z1", "-o", tmp_path)
        page = tmp_path / "page.md"
        page.write_text("words")
        code, _, err = lab("report", "-o", tmp_path, "--markdown", page)
        assert (code, "has no place for findings" in err, page.read_text()) == (2, True, "words")

    def test_a_damaged_finding_is_named(self, lab: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
        lab("run", "z1", "-o", tmp_path)
        (tmp_path / "z1-coin/finding.json").write_text("{}")
        code, _, err = lab("report", "-o", tmp_path)
        assert (code, "damaged" in err, "run z1-coin again" in err) == (2, True, True)


def test_numbers_in_tables() -> None:
    rows: list[dict[str, float | int | str]] = [{"a": 1 / 3, "b": 123456789}, {"c": "x, y", "a": float("nan")}]
    assert to_csv(rows) == b'a,b,c\n0.333333,123456789,\nnan,,"x, y"\n'


def test_figures_keep_their_style_to_themselves() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    picture = Image.open(io.BytesIO(render(coin(Bench()).draw)))
    assert dict(matplotlib.rcParams) == before
    assert picture.mode == "P"
    assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)


def test_recordings_are_the_bundled_ones_at_24_khz() -> None:
    wavs = Bench().recordings()
    assert len(wavs) == 4
    assert all(wav.ndim == 1 and wav.dtype == np.float32 and 0.05 < abs(wav).max() <= 1.1 for wav in wavs)


def test_speech_is_whole_clips_in_an_order_of_the_seed(corpus: Path) -> None:
    some = Bench(0, corpus).speech("dev", 3)
    assert len(some) == 72000
    assert np.array_equal(some, Bench(0, corpus).speech("dev", 4)[:72000])
    stored = np.load(corpus / "dev/audio.npy")
    places = [json.loads(line)["offset"] for line in (corpus / "dev/clips.jsonl").read_text().splitlines()]
    starts = [np.array_equal(some[:4800], stored[place : place + 4800] / np.float32(32768)) for place in places]
    assert sum(starts) == 1
    assert any(not np.array_equal(some, Bench(seed, corpus).speech("dev", 3)) for seed in range(1, 9))
    with pytest.raises(UsageError, match=r"dev: holds \d+ s of speech, the experiment needs 3600 s"):
        Bench(0, corpus).speech("dev", 3600)


def test_latents_are_uncorrelated_of_mean_variance_one_and_invertible_but_for_what_the_klt_drops() -> None:
    wav = np.concatenate(Bench().recordings())
    transform = solve(wav)
    latents = transform.encode(wav)
    assert latents.shape == (-(-len(wav) // 320), 64)
    covariance = torch.cov(latents.double().T)
    assert covariance.diagonal().mean().item() == pytest.approx(1, abs=1e-3)
    assert (covariance - covariance.diagonal().diag()).abs().max() < 1e-3
    decoded = transform.decode(latents)
    low = np.fft.rfftfreq(len(decoded), 1 / 24000) < 2000
    spectra = [np.fft.rfft(each[: len(decoded)])[low] for each in (decoded, wav)]
    error = np.square(abs(spectra[0] - spectra[1])).sum() / np.square(abs(spectra[1])).sum()
    assert error < 0.1


def test_fair_coin_is_the_same_twice() -> None:
    assert FAIR.run(Bench(1)).rows == FAIR.run(Bench(1)).rows != FAIR.run(Bench(2)).rows
