"""One side of a comparison, in a process of its own: does what it is told on standard input, and says how long it took.

    python -m kvant.bench.trial SIDE NAME FOLDER THREADS

SIDE is `official`, or the folder of our model. FOLDER holds wav.npy, and gets the official side's checkpoint. Orders
are `save`, `encode`, `decode`, `frame` and `end`; each is answered by a line of JSON. Nothing else is printed.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kvant.bench.sides import Ours, Side, Theirs, save_weights


def main(side_name: str, name: str, folder: Path, threads: int) -> None:
    """Serve orders until there are no more."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    side: Side = Theirs(name) if side_name == "official" else Ours(name, Path(side_name), threads)
    wav, codes = np.load(folder / "wav.npy"), None
    stem = "official" if side_name == "official" else "ours"
    print(json.dumps({"ready": True}), flush=True)
    for order in map(str.strip, sys.stdin):
        said: dict[str, Any] = {}
        started = time.perf_counter()
        if order == "encode":
            codes = side.encode(wav)
        elif order == "decode":
            decoded = side.decode(codes)
        said["seconds"] = time.perf_counter() - started
        if order == "frame" and isinstance(side, Ours):
            said["seconds"] = side.frame(wav)
        if order == "save" and isinstance(side, Theirs):
            save_weights(side, folder)
        elif order == "end":
            np.savez(folder / f"{stem}.npz", *side.scales(codes), wav=decoded)
            said["megabytes"] = peak_megabytes()
        print(json.dumps(said), flush=True)


def peak_megabytes() -> float:
    """Of this process alone: what getrusage says begins with what its parent had."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
