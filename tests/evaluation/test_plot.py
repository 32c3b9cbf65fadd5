"""The curves of a report: codecs are joined by lines, conventional ones are dotted."""

from typing import Any

import pytest

from kvant.evaluation.alignment import Alignment
from kvant.evaluation.clip import Origin
from kvant.evaluation.report.plot import draw
from kvant.evaluation.results import Results
from kvant.evaluation.scoring import Measurement
from kvant.evaluation.table import Scale


def test_a_codec_is_solid_whatever_its_beam_and_bitrate(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = pytest.importorskip("matplotlib.axes").Axes
    styles: dict[str, tuple[str, str]] = {}
    errorbar = axes.errorbar

    def record(self: Any, *values: Any, **options: Any) -> Any:
        styles[options["label"]] = (options["linestyle"], options["color"])
        return errorbar(self, *values, **options)

    monkeypatch.setattr(axes, "errorbar", record)
    codecs = ["a", "a, variable", "a (beam 4)", "a (beam 4), variable", "a (refined), variable"]
    others = ["Opus", "Codec2", "Speex"]
    made = [
        Measurement(f"{name} {rate}", 0, 1000 * rate, 0.1, 0.1, Alignment(0, 1.0, 1.0), {"STOI": 0.5}, {})
        for name in codecs + others
        for rate in (3, 6)
    ]
    about = {"codecs": {"a": {}}, "seed": 0}
    origin = Origin("talk.wav", "ann", "en", "here", 16000, 1.0)
    png = draw(Results(about, [Scale("STOI", "", True)], [], [origin], {}, made))
    assert png.startswith(b"\x89PNG")
    assert {name: style for name, (style, _) in styles.items()} == {
        **dict.fromkeys(codecs, "-"),
        **dict.fromkeys(others, ":"),
    }
    assert len({colour for _, colour in styles.values()}) == len(codecs + others)
