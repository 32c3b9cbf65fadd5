"""What refining codes brings on held-out clips: nearest vectors against so many steps through the decoder.

    python recipes/refined_codes.py corpus/voices-24k --limit 5 --steps 0 30 --beam 1

Depths are given by a limit on the squared error of latents; PESQ-WB / STOI, mean over every other of 16 clips of dev.
Needs pip install 'kvant[train,eval]'.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from kvant.evaluation.held_out import held_out_clips
from kvant.evaluation.metrics.choice import METRICS
from kvant.evaluation.scoring import score
from kvant.runtime import DEFAULT, load

CLIPS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--limit", type=float, default=5.0)
    parser.add_argument("--steps", type=int, nargs="+", default=[0, 30])
    parser.add_argument("--beam", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    codec = load(DEFAULT)
    metrics = [METRICS[name]() for name in ("pesq-wb", "stoi")]
    clips = held_out_clips(arguments.corpus / "dev", CLIPS)[1::2]
    for steps in arguments.steps:
        rows = []
        for clip in clips:
            how = (None, arguments.beam, arguments.limit, steps)
            estimate = codec.decode(codec.encode(clip.wav[None], clip.sample_rate, *how))[0]
            rows.append([score(metric, estimate, clip.wav, clip.sample_rate)[0] for metric in metrics])
        pesq, stoi = np.mean(rows, axis=0)
        print(f"{steps} steps: {pesq:.3f} / {stoi:.4f}", flush=True)


if __name__ == "__main__":
    main()
