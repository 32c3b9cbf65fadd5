"""A finished or stopped model on held-out audio: several looks, so that no single batch decides."""

from pathlib import Path

from kvant.checkpoint import load_codec
from kvant.data import Segments
from kvant.model_file import read_model_file
from kvant.training.diagnosis.examination import examine
from kvant.training.diagnosis.gradients import waveform_distance
from kvant.training.diagnosis.levels import usage_measures
from kvant.training.diagnosis.records import Record

LOOKS, CLIPS, SECONDS = 10, 16, 1.0


def check_up(model: Path, split: Path) -> list[Record]:
    """`LOOKS` records of the model, all at its training step; each counts the codes of all looks so far.

    split: folder of a prepared corpus, of which `LOOKS` x `CLIPS` segments are drawn. ModelError, UsageError: unusable.
    """
    codec = load_codec(model)
    training = read_model_file(model).metadata.get("training", {})
    segments = Segments(split, codec.sample_rate, SECONDS, seed=0)
    records: list[Record] = []
    counts = None
    for index in range(LOOKS):
        look = examine(codec, segments.batch(index, CLIPS), waveform_distance)
        counts = look.counts if counts is None else [before + now for before, now in zip(counts, look.counts)]
        step = float(training.get("steps", 0)) if isinstance(training, dict) else 0.0
        records.append({"step": step, **look.measures, **usage_measures(counts)})
    return records


def summary(looks: list[Record]) -> Record:
    """The mean over looks of every measure; counts of codes as of the last look."""
    last = looks[-1]
    counted = ("usage", "entropy", "perplexity", "n", "size")
    return {
        name: last[name]
        if name.split("/")[-1] in counted
        else sum(look.get(name, last[name]) for look in looks) / len(looks)
        for name in last
    }
