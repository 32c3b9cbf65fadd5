"""The table of the shipped voice model: Kvant at four bitrates against Opus and Codec2 on speakers it never heard.

    python recipes/evaluate_voice.py --corpus DIR --clips 24 --output docs/voice-24k

DIR is what recipes/voice_corpus.py wrote, or any folder with a `test` split of that form. The clips are 3 to 8 s,
equally many from each speaker, drawn with --seed: short recordings of one speaker are joined, those longer than 8 s are
left out. The harness first examines itself on the first clip. Then every clip passes through every system, the estimate
is aligned, and scored; the table gives means with half the width of their 95 % bootstrap interval over clips. Bitrates
are payload: the codes alone for Kvant, the packets alone for Opus. A clip takes about 25 s of one core, most of
it ViSQOL. Needs `pip install kvant[eval]`.
"""

import argparse
import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np

import kvant
from kvant.evaluation.baselines import Codec2, Opus, System, identity
from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.metrics import MelDistance, Metric, Pesq, SiSdr, Stoi, Visqol
from kvant.evaluation.self_check import self_check
from kvant.evaluation.table import evaluate, markdown, write_json
from kvant.runtime import DEFAULT, Codec

PACKAGES = ("kvant", "pesq", "pystoi", "visqol-python", "av", "pycodec2", "soxr", "numpy")
BITS = 10  # a code: codebooks of 1024 entries
DEPTHS = (1, 2, 4, 8)  # codebooks, at 75 frames a second: 0.75, 1.5, 3 and 6 kbit/s


def kvant_system(codec: Codec, num_codebooks: int) -> System:
    """A loaded codec at one depth; its payload is 10 bits for each code."""

    def system(wav: Any, sample_rate: int) -> tuple[Any, int]:
        codes = codec.encode(wav[None], sample_rate, num_codebooks=num_codebooks)
        return codec.decode(codes)[0], BITS * np.size(codes.codes)

    return system


def conventional_systems() -> dict[str, System]:
    """What the model is compared with: the recording itself, Opus at three bitrates, Codec2 at two."""
    systems: dict[str, System] = {"recording": identity}
    systems |= {f"Opus {bitrate // 1000}": Opus(bitrate) for bitrate in (12000, 8000, 6000)}
    return systems | {f"Codec2 {bitrate}": Codec2(bitrate) for bitrate in (3200, 1600)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--model", default=DEFAULT, help="a shipped model, or a folder with one")
    parser.add_argument(
        "--start", help="a second model to put beside it, such as RUN/start, the closed form it came from"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="also write OUTPUT.md, the table, and OUTPUT.json, all rows")
    arguments = parser.parse_args()
    codec = kvant.load(arguments.model)
    systems = {f"Kvant {0.75 * depth:g}": kvant_system(codec, depth) for depth in DEPTHS}
    if arguments.start:
        start = kvant.load(arguments.start)
        systems |= {f"its start {0.75 * depth:g}": kvant_system(start, depth) for depth in DEPTHS}
    systems |= conventional_systems()
    clips = held_out_clips(arguments.corpus / "test", arguments.clips, arguments.seed)
    metrics: list[Metric] = [Pesq("WB"), Pesq("NB"), Stoi(), Visqol(), SiSdr(), MelDistance()]
    self_check(clips[0].wav, clips[0].sample_rate, metrics)
    rows = evaluate(systems, clips, metrics, arguments.seed)
    table = markdown(rows, metrics)
    print(table)
    if arguments.output:
        versions = {package: importlib.metadata.version(package) for package in PACKAGES}
        names = [clip.name for clip in clips]
        arguments.output.with_suffix(".md").write_text(table + "\n", encoding="utf-8")
        about = {"model": arguments.model, "seed": arguments.seed, "versions": versions, "clips": names}
        write_json(arguments.output.with_suffix(".json"), rows, **about)


if __name__ == "__main__":
    main()
