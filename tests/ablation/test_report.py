"""Table, figures and plot come from results alone, and say what the results say."""

import csv
import dataclasses
import io
import math
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from kvant.ablation.plot import draw
from kvant.ablation.report import write_report
from kvant.ablation.results import DIVERGED, DONE, Level, Outcome, Rate, Results, read_results, write_results
from kvant.ablation.summary import Figure, figures_of_rate, student, summarise
from kvant.ablation.table import comma_separated, markdown
from kvant.errors import UsageError
from kvant.evaluation.table import Scale

SCALES = (Scale("STOI", "", True),)


def outcome(cell: str, seed: int, snr: float, stoi: float = 0.5, levels: int = 2) -> Outcome:
    rates = tuple(Rate(k, 600.0 * k, snr * k, {"STOI": stoi * k / 2}) for k in range(1, levels + 1))
    use = tuple(Level(0.5 * k, 8.0 * k, 16, 4000) for k in range(1, levels + 1))
    return Outcome(cell, seed, "f", DONE, {"codebook": cell}, "", 30.0, {"mel@2": 0.5}, use, rates)


@pytest.fixture
def results() -> Results:
    outcomes = (
        *(outcome("base", seed, 4.0 + 0.1 * seed) for seed in (0, 1)),
        *(outcome("better", seed, 5.0 + 0.1 * seed) for seed in (0, 1)),
        *(outcome("same", seed, 4.05 + 0.1 * seed) for seed in (0, 1)),
        outcome("half", 0, 4.0),
        Outcome("half", 1, "f", DIVERGED, {"codebook": "half"}, "weight is not finite"),
        Outcome("lost", 0, "f", DIVERGED, {"codebook": "lost"}, "loss is not finite"),
    )
    about = {"command": "kvant ablate g.toml", "seeds": [0, 1], "clips": 2, "steps": 4, "batch_size": 4}
    about |= {"seconds": 0.25, "processor": "a processor"}
    groups = {"Which codebook?": ("better", "same"), "Which ends?": ("half", "lost")}
    return Results("An ablation", about, SCALES, groups, outcomes)


class TestIntervals:
    @pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (2, 4.303), (10, 2.228), (30, 2.042), (1000, 1.962)])
    def test_student(self, freedom: int, t: float) -> None:
        """Against the printed tables."""
        assert student(freedom) == pytest.approx(t, abs=6e-4)

    def test_the_spread_between_seeds_is_pooled(self, results: Results) -> None:
        """Three cells of two seeds, 0.2 dB apart at two levels: s^2 = 3 (2 0.1^2) / 3, and a lone seed's own mean."""
        (snr, _) = figures_of_rate(results, 2)
        summaries = summarise(results, snr)
        spread = 3.1824 * math.sqrt(0.02)  # t of 3 degrees of freedom
        assert summaries["base"].mean == pytest.approx(8.1)
        assert summaries["base"].half == pytest.approx(spread / math.sqrt(2), rel=1e-3)
        assert summaries["half"].half == pytest.approx(spread, rel=1e-3)
        assert summaries["half"].seeds == 1
        assert summaries["better"].difference == pytest.approx(2.0)
        assert [summaries[cell].clear for cell in ("base", "better", "same", "half")] == [False, True, False, False]
        assert "lost" not in summaries

    def test_chance_alone_is_seldom_called_clear(self) -> None:
        """400 grids of 6 equal cells with 2 seeds: a comparison is called clear in 5 % of cases."""
        rng = np.random.default_rng(0)
        snr = Figure("snr", "dB", True, lambda each: each.rates[0].snr)
        called = []
        for _ in range(400):
            cells = ["base", *"abcde"]
            made = tuple(outcome(cell, seed, rng.standard_normal(), levels=1) for cell in cells for seed in (0, 1))
            summaries = summarise(Results("", {}, SCALES, {}, made), snr)
            called += [summaries[cell].clear for cell in cells[1:]]
        assert 0.03 < np.mean(called) < 0.07

    def test_one_seed_has_no_interval(self) -> None:
        only = Results("", {}, SCALES, {}, (outcome("base", 0, 1.0), outcome("b", 0, 9.0)))
        summary = summarise(only, figures_of_rate(only, 2)[0])["b"]
        assert math.isnan(summary.half)
        assert not summary.clear


class TestFiles:
    def test_they_are_made_from_what_is_read_back(self, results: Results, tmp_path: Path) -> None:
        write_results(tmp_path / "r.json", results)
        again = read_results(tmp_path / "r.json")
        assert markdown(again) == markdown(results)
        assert comma_separated(again) == comma_separated(results)
        assert write_report(tmp_path, again) == []
        assert {path.name for path in tmp_path.iterdir()} == {"r.json"} | {
            f"ablation.{kind}" for kind in ("json", "md", "csv", "png")
        }
        assert (tmp_path / "ablation.json").read_bytes() == (tmp_path / "r.json").read_bytes()

    def test_a_grid_of_which_little_is_done_has_a_page(self, results: Results, tmp_path: Path) -> None:
        for outcomes in (results.outcomes[-1:], results.outcomes[:1]):
            assert write_report(tmp_path, dataclasses.replace(results, outcomes=outcomes)) == []
        assert "| better | n/a | n/a | n/a | n/a | n/a |" in (tmp_path / "ablation.md").read_text()

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "r.json").write_text('{"format": "kvant-evaluation", "format_version": 1}')
        with pytest.raises(UsageError, match=r"r\.json: not of this version \(kvant-ablation 1\)"):
            read_results(tmp_path / "r.json")

    def test_the_page_tells_what_is_better_and_what_ended_badly(self, results: Results) -> None:
        page = markdown(results)
        lines = page.splitlines()
        assert "| better | **10.10** ± 0.32 | 0.500 ± 0.000 | 0.750 ± 0.000 | 0.750 ± 0.000 | 30 ± 0 |" in lines
        assert "| half (diverged) | 8.00 ± 0.45 | 0.500 ± 0.000 | 0.750 ± 0.000 | 0.750 ± 0.000 | 30 ± 0 |" in lines
        assert "| lost (diverged) | n/a | n/a | n/a | n/a | n/a |" in lines
        assert "* half, seed 1: diverged. weight is not finite" in lines
        assert "## With 1 of 2 levels (0.6 kbit/s)" in lines
        assert "| base | 8 of 16, 50% | 16 of 16, 100% |" in lines

    def test_the_csv_has_every_seed_and_rate(self, results: Results) -> None:
        rows = list(csv.DictReader(io.StringIO(comma_separated(results))))
        assert len(rows) == 7 * 2 + 2
        assert {row["cell"]: row["status"] for row in rows}["lost"] == DIVERGED
        chosen = [row for row in rows if (row["cell"], row["seed"], row["levels"]) == ("better", "1", "2")]
        assert [float(row["latent_snr_db"]) for row in chosen] == [10.2]
        assert [float(row["perplexity_2"]) for row in chosen] == [16.0]

    def test_the_plot_has_a_point_where_the_figures_say(self, results: Results, tmp_path: Path) -> None:
        """Colours of both rates are in the picture, and a row more makes it taller."""
        write_report(tmp_path, results)
        picture = matplotlib.image.imread(tmp_path / "ablation.png")[..., :3]
        for colour in ("#b39ddb", "#7e57c2", "#0f766e"):
            shade = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
            assert (np.abs(picture - shade).max(-1) < 0.02).sum() > 50

    def test_a_long_question_takes_no_room_from_the_plot(self, results: Results) -> None:
        longer = {f"{question} {'And how, and why? ' * 9}": cells for question, cells in results.groups.items()}
        first = []
        for groups in (results.groups, longer):
            picture = matplotlib.image.imread(io.BytesIO(draw(dataclasses.replace(results, groups=groups))))
            shade = [int("b39ddb"[k : k + 2], 16) / 255 for k in (0, 2, 4)]
            first.append(np.flatnonzero((np.abs(picture[..., :3] - shade).max(-1) < 0.02).any(axis=0))[0])
        assert first[0] == first[1] < picture.shape[1] / 3
