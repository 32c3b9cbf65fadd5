"""The bitrates that limits on the error of frames bring, written into a model: its variable bitrates.

    python recipes/limits.py corpus/voices-24k runs/deeper

Each limit is measured on clips of the dev speakers, in bits of the blocks of their streams: depths, and codes as the
entropy model beside the weights makes them. The model file gets the table, and new graphs, since its tensors move.
"""

import argparse
from pathlib import Path

import numpy as np

from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.neural import open_codec
from kvant.evaluation.variable import Variable
from kvant.export import export
from kvant.model_file import read_model_file, write_model_file
from kvant.runtime.models import WEIGHTS, find

CLIPS = 16
LIMITS = np.geomspace(80.0, 1.5, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("model")
    arguments = parser.parse_args()
    folder = find(arguments.model)
    codec = open_codec(str(folder))
    clips = held_out_clips(arguments.corpus / "dev", CLIPS)
    seconds = sum(len(clip.wav) / clip.sample_rate for clip in clips)
    limits = {}
    for limit in LIMITS:
        codec.metadata["variable"] = {"limits": {"1": limit, "2": limit}}
        bits = sum(Variable(str(folder), 1.5).encode(clip.wav, clip.sample_rate).bits for clip in clips)
        limits[f"{bits / seconds:.1f}"] = round(float(limit), 3)
        print(f"{limit:8.3f} {bits / seconds / 1000:.3f} kbit/s", flush=True)
    model = read_model_file(folder / WEIGHTS)
    table = {"limits": limits, "measured_on": f"{len(clips)} clips of the dev speakers, {seconds:.0f} s"}
    write_model_file(folder / WEIGHTS, model.tensors, model.metadata | {"variable": table}, overwrite=True)
    export(folder / WEIGHTS)


if __name__ == "__main__":
    main()
