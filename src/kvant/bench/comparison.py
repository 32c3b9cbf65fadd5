"""Both sides in a process each, one working while the other waits: medians of their times, and what they made."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from kvant.audio import read, resample
from kvant.bench.sides import imported
from kvant.errors import KvantError
from kvant.importing.published import PUBLISHED

ASSETS = Path(__file__).parents[1] / "assets"


@dataclass(frozen=True)
class Comparison:
    """Of one codec on one machine. Pairs are (official, ours).

    encode, decode: median seconds. megabytes: peak of the process. codes_equal: share. wav_error: largest difference
    over the largest sample; of the codes each side found, so meaningless unless all are equal. frame: median seconds of
    ours to encode and to decode a frame of a stream, if that was asked for and the codec streams.
    """

    name: str
    engine: str
    seconds: float
    threads: int
    encode: tuple[float, float]
    decode: tuple[float, float]
    megabytes: tuple[float, float]
    codes_equal: float
    wav_error: float
    frame: tuple[float, float] | None = None


class _Child:
    def __init__(self, side: str, name: str, folder: Path, threads: int) -> None:
        command = [sys.executable, "-m", "kvant.bench.trial", side, name, str(folder), str(threads)]
        pools = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(pools, str(threads))}
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment
        )
        self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line it prints. KvantError with the end of what it complained of, if it died instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = self.errors.read().strip().rpartition("\n")[2]
            raise KvantError(f"a process of the comparison ended early: {last or 'killed'}")
        return json.loads(line)

    def order(self, verb: str) -> dict[str, Any]:
        """Tell it, and wait for what it says."""
        assert self.process.stdin is not None
        print(verb, file=self.process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.errors.close()


def compare(name: str, engine: str, seconds: float, threads: int, rounds: int, frames: bool = False) -> Comparison:
    """Official and ours on the same wav and weights, in turn. frames: ours frame by frame too.

    UsageError or KvantError: a side cannot run.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "wav.npy", recording(seconds, PUBLISHED[name].config.sample_rate))
        children = [_Child("official", name, folder, threads)]
        try:
            children[0].order("save")
            children.append(_Child(str(imported(name, folder, engine)), name, folder, threads))
            times: dict[str, list[tuple[float, float]]] = {"encode": [], "decode": []}
            for _ in range(rounds + 1):
                for verb, pairs in times.items():
                    pairs.append(tuple(child.order(verb)["seconds"] for child in children))
            frame = children[1].order("frame")["seconds"] if frames else None
            megabytes = tuple(child.order("end")["megabytes"] for child in children)
            equal, error = agreement(folder)
        finally:
            for child in children:
                child.close()
    encode, decode = (tuple(median(side) for side in zip(*pairs[1:])) for pairs in times.values())  # the first warms up
    return Comparison(name, engine, seconds, threads, encode, decode, megabytes, equal, error, frame)


def recording(seconds: float, sample_rate: int) -> np.ndarray:
    """Bundled speech, over and over: float32 [N]."""
    wav, rate = read(sorted(ASSETS.glob("*.flac"))[0])
    return np.resize(resample(wav, rate, sample_rate)[0], round(seconds * sample_rate)).astype(np.float32)


def agreement(folder: Path) -> tuple[float, float]:
    """(share of equal codes, largest difference of the wavs over the largest sample)."""
    with np.load(folder / "official.npz") as theirs, np.load(folder / "ours.npz") as ours:
        equal = [theirs[key] == ours[key] for key in theirs.files if key != "wav"]
        length = min(len(theirs["wav"]), len(ours["wav"]))
        difference = np.abs(theirs["wav"][:length] - ours["wav"][:length]).max() / np.abs(theirs["wav"]).max()
    return float(np.concatenate(equal).mean()), float(difference)
