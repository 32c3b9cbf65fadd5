"""Records on disk and in order, and what is said of damaged ones."""

import math
from pathlib import Path

import pytest

from kvant.errors import UsageError
from kvant.training.diagnosis.records import Point, merged, names, read_records, series, smooth, standing, to_json
from kvant.training.diagnosis.run_folder import held_out_split, read_run


def points(*values: float) -> list[Point]:
    return [Point(10 * (index + 1), value) for index, value in enumerate(values)]


def test_a_resumed_run_replaces_what_it_repeats(tmp_path: Path) -> None:
    """Killed after step 30, resumed at 10: the records of 20 and 30 are those of the second time."""
    lines = ['{"step": 10, "a": 1}', '{"step": 20, "a": 2}', '{"step": 30, "a": 3}', '{"step": 20, "a": 4}']
    path = tmp_path / "health.jsonl"
    path.write_text("\n".join(lines) + "\n")
    assert series(read_records(path), "a") == [(10, 1), (20, 4)]


def test_a_line_cut_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "health.jsonl"
    path.write_text('{"step": 10, "a": 1}\n{"step": 20, "a"')
    assert series(read_records(path), "a") == [(10, 1)]


@pytest.mark.parametrize(
    "line", ["{", "[1]", "7", '{"a": 1}', '{"step": "x"}', '{"step": null}', '{"step": 1, "a": {}}', ""]
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "health.jsonl"
    path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 2}}\n')
    with pytest.raises(UsageError, match=r"health\.jsonl, line 2: not a record of a run .*remove the line"):
        read_records(path)


def test_what_is_not_finite_goes_through_null(tmp_path: Path) -> None:
    assert to_json({"step": 1, "a": math.nan, "b": math.inf, "c": 0.5}) == {"step": 1, "a": None, "b": None, "c": 0.5}
    (tmp_path / "h.jsonl").write_text('{"step": 1, "a": null}\n')
    assert math.isnan(read_records(tmp_path / "h.jsonl")[0]["a"])


def test_files_merge_by_step() -> None:
    together = merged(
        [{"step": 10, "a": 1.0}, {"step": 20, "a": 2.0}], [{"step": 15, "b": 3.0}, {"step": 20, "b": 4.0}]
    )
    assert together == [{"step": 10, "a": 1}, {"step": 15, "b": 3}, {"step": 20, "a": 2, "b": 4}]
    assert names(together, "[ab]") == ["a", "b"]


def test_standing_is_the_unbroken_end() -> None:
    course = points(9, 9, 1, 9, 9)
    assert [point.step for point in standing(course, 2, above=5)] == [40, 50]
    assert standing(course, 3, above=5) == []
    assert standing(course, 1, below=5) == []
    assert standing(points(9, math.nan), 1, above=5) == []


def test_medians_do_not_follow_one_odd_batch() -> None:
    assert smooth(points(1, 50, 2, 3)) == [Point(30, 2), Point(40, 3)]
    assert smooth(points(1, 2)) == []


class TestFolder:
    def test_errors_say_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no such run; name the folder"):
            read_run(tmp_path / "nowhere")
        with pytest.raises(UsageError, match="holds no run"):
            read_run(tmp_path)
        (tmp_path / "config.json").write_text("{")
        with pytest.raises(UsageError, match=r"config\.json: damaged"):
            read_run(tmp_path)
        with pytest.raises(UsageError, match="no prepared corpus here"):
            held_out_split(str(tmp_path))

    def test_a_corpus_or_its_split(self, tmp_path: Path) -> None:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev" / "audio.npy").touch()
        assert held_out_split(str(tmp_path)) == held_out_split(str(tmp_path / "dev")) == tmp_path / "dev"
