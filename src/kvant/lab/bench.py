"""What every experiment works with: a seed, and real speech."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import kvant
from kvant.audio import read, resample
from kvant.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE = 24000
CLIPS = ("en", "fr", "it", "ru")
HOW_TO_GET = "kvant data fetch voices -o corpus/voices-24k makes one; then name it with --data corpus/voices-24k"


@dataclass(frozen=True)
class Bench:
    """seed: of all that is drawn. corpus: folder of the prepared splits train, dev and test, if there is one."""

    seed: int = 0
    corpus: Path | None = None

    def recordings(self) -> list[np.ndarray]:
        """The four bundled clips, float32 [n] each, at 24 kHz: English, French, Italian, Russian."""
        return [_recording(name) for name in CLIPS]

    def speech(self, split: str, seconds: float) -> np.ndarray:
        """float32 [n] at 24 kHz: whole clips of a split end to end, in an order drawn by the seed, cut to `seconds`.

        UsageError: no corpus, no such split, or less speech in it.
        """
        return _joined(self.folder(split), round(seconds * SAMPLE_RATE), self.seed)

    def frames(self, seconds: float, split: str = "train") -> "Tensor":
        """Latents [n, 64] of speech, 75 a second: what the quantizers of the experiments quantize.

        They are the closed-form latents of Kvant's own codec (`lab.latents`), whose transform is solved once from the
        training split and is the same for every seed.
        """
        from kvant.lab.latents import solve_speech

        return solve_speech(self.folder("train")).encode(self.speech(split, seconds))

    def folder(self, split: str) -> Path:
        """That of a split. UsageError: no corpus, or no such split in it."""
        if self.corpus is None:
            raise UsageError(f"this experiment hears speech of a prepared corpus; {HOW_TO_GET}")
        if not (self.corpus / split / "clips.jsonl").is_file():
            raise UsageError(f"{self.corpus}: has no prepared split {split!r}; {HOW_TO_GET}")
        return self.corpus / split


@lru_cache
def _recording(name: str) -> np.ndarray:
    wav, sample_rate = read(Path(kvant.__file__).parent / "assets" / f"{name}.flac")
    return resample(wav, sample_rate, SAMPLE_RATE).mean(axis=0)


def _joined(folder: Path, count: int, seed: int) -> np.ndarray:
    clips = [json.loads(line) for line in (folder / "clips.jsonl").read_bytes().splitlines()]
    audio = np.load(folder / "audio.npy", mmap_mode="r")
    parts: list[np.ndarray] = []
    missing = count
    for place in np.random.default_rng(seed).permutation(len(clips)):
        if missing <= 0:
            break
        start, length = clips[place]["offset"], min(clips[place]["length"], missing)
        parts.append(np.asarray(audio[start : start + length], np.float32) / 32768)
        missing -= length
    if missing > 0:
        raise UsageError(
            f"{folder}: holds {(count - missing) / SAMPLE_RATE:.0f} s of speech, the experiment needs "
            f"{count / SAMPLE_RATE:.0f} s; prepare a larger corpus"
        )
    return np.concatenate(parts)
