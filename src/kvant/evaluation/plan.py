"""What an evaluation will measure, all settled and checked before anything takes time."""

import importlib.metadata
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kvant.errors import UsageError
from kvant.evaluation.baselines import Recording
from kvant.evaluation.clip import Clip
from kvant.evaluation.comparisons import comparisons
from kvant.evaluation.entropy import entropy_rate
from kvant.evaluation.metrics import Metric
from kvant.evaluation.neural import Neural, about, depths_of, open_codec
from kvant.evaluation.results import Results
from kvant.evaluation.scoring import Outcome
from kvant.evaluation.self_check import Check, self_check
from kvant.evaluation.system import System
from kvant.evaluation.table import Scale
from kvant.evaluation.variable import Variable, variable_rates
from kvant.runtime.models import WEIGHTS
from kvant.runtime.search import check_beam

RECORDING = "recording"
PACKAGES = ("kvant", "pesq", "pystoi", "visqol-python", "av", "pycodec2", "soxr", "onnxruntime", "torch", "numpy")


class Plan(NamedTuple):
    """Systems by label, clips, metrics by the name users give them, and what to remember of the codecs among them."""

    systems: dict[str, System]
    clips: list[Clip]
    metrics: dict[str, Metric]
    codecs: dict[str, dict[str, Any]]
    notes: list[str]

    def check(self) -> list[Check]:
        """The harness examined on the longest clip, where most metrics are defined. HarnessError: it is wrong."""
        clip = max(self.clips, key=lambda clip: clip.origin.seconds)
        return self_check(clip.wav, clip.sample_rate, list(self.metrics.values()))

    def results(self, checks: list[Check], outcomes: Iterable[Outcome], **how: Any) -> Results:
        """What the outcomes come to, in the order of the plan whatever theirs; how: `seed`, and more to remember."""
        order = {name: place for place, name in enumerate(self.systems)}
        kept = sorted(outcomes, key=lambda each: (order[each.measurement.system], each.measurement.clip))
        rates = {}
        for name, system in self.systems.items():
            if isinstance(system, Neural):
                codec = open_codec(system.model)
                codes = [each.codes for each in kept if each.measurement.system == name and each.codes is not None]
                rates[name] = entropy_rate(codes, codec.codebook_sizes[: system.num_codebooks], codec.frame_rate)
        how |= {"codecs": self.codecs, "notes": self.notes, "processor": processor(), "versions": versions()}
        scales = [Scale(metric.name, metric.unit, metric.higher_is_better) for metric in self.metrics.values()]
        origins = [clip.origin for clip in self.clips]
        return Results(how, scales, checks, origins, rates, [each.measurement for each in kept])


def plan_systems(
    codecs: Sequence[str],
    bitrates: list[float] | None,
    baselines: Sequence[str] | None,
    beams: Sequence[int] = (1,),
    variable: bool = False,
    refine: int = 0,
) -> tuple[dict[str, System], dict[str, dict[str, Any]], list[str]]:
    """Systems by label, the codecs among them, and notes on baselines that are left out.

    codecs: each the name of a shipped model, a folder, a file of weights, or LABEL= and one of these. bitrates: bit/s,
    None for the natural ones. beams: each codec is measured with each of these widths, and those beyond 1 are named.
    variable: codecs with a table of limits are measured at variable bitrates, too. refine: unless 0, each codec is also
    measured with codes refined in so many steps.
    UsageError: two of one label, an impossible beam, or as in `comparisons`; ModelError: no such model.
    """
    systems: dict[str, System] = {}
    described = {}
    for text in codecs:
        label, model = _labelled(text)
        if label in described:
            raise UsageError(f"{text}: two codecs would be called {label!r}; name one LABEL={model}")
        codec = open_codec(model)
        described[label] = about(codec) | {"model": model}
        widths = sorted(set(map(check_beam, beams)))
        searches = [(label if beam == 1 else f"{label} (beam {beam})", beam, 0) for beam in widths]
        searches += [(f"{label} (refined)", 1, refine)] if refine else []
        for family, beam, steps in searches:
            for depth in depths_of(codec, bitrates):
                systems[f"{family} {codec.bitrate(depth) / 1000:g}"] = Neural(model, depth, beam, steps)
            for bitrate in variable_rates(codec, bitrates) if variable else ():
                systems[f"{family}, variable {bitrate / 1000:g}"] = Variable(model, bitrate, beam, steps)
    conventional, notes = comparisons(baselines)
    if clash := sorted(systems.keys() & {*conventional, RECORDING}):
        raise UsageError(f"two systems are called {clash[0]!r}; give the codec another label: LABEL=CODEC")
    return systems | {RECORDING: Recording()} | conventional, described, notes


def _labelled(text: str) -> tuple[str, str]:
    """A label and a model; without `LABEL=` that of a path is its last folder."""
    label, equals, model = text.partition("=")
    if equals and not Path(text).exists():
        if not label.strip() or not model:
            raise UsageError(f"{text!r}: give LABEL=CODEC with both")
        return label.strip(), model
    path = Path(text)
    folder = path.parent if path.name == WEIGHTS else path
    return (folder.resolve().name or text), text


def versions() -> dict[str, str]:
    """Of the packages whose numbers these are, those installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """What the speeds were measured on, as well as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
