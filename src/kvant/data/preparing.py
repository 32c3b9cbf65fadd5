"""From a manifest to the memory-mapped corpus that `Segments` reads, split by speaker, one recording at a time."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf
import soxr

from kvant.data.corpus import SplitWriter, create_split
from kvant.data.levelling import RULES, Clip, levelled
from kvant.data.manifest import Recording, read_manifest
from kvant.data.parallel import ordered_map
from kvant.data.splits import HeldOut, assign, voice
from kvant.data.windows import open_window
from kvant.errors import AudioError, UsageError

VERSION = 1
LONGEST = 600  # s; what is longer becomes several clips
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Plan:
    """What to make: Hz, who is kept from training, how many processes, and whether files may be replaced."""

    rate: int = 24000
    dev: HeldOut = ()
    test: HeldOut = ()
    seed: int = 0
    workers: int = 1
    overwrite: bool = False


class Piece(NamedTuple):
    """At most LONGEST seconds of a recording from `start` s on, or what is wrong with it."""

    recording: Recording
    start: int
    clip: Clip | None = None
    error: str = ""


class Prepared(NamedTuple):
    """hours: of each split. dropped: pieces that were silent or too short. errors: of files that could not be read."""

    hours: dict[str, float]
    dropped: int
    errors: list[str]


def prepare(
    manifest: Path, root: Path, out: Path, plan: Plan, progress: Callable[[str, int], None] | None = None
) -> Prepared:
    """Write `out`/{train,dev,test} from the usable recordings of `manifest`, whose paths start at `root`.

    A split of nobody is not made. Bandwidths are those of the manifest. progress: called with a path and the number of
    pieces done. UsageError: no manifest, `root` does not hold its files, `plan` cannot be met, or `out` not be written.
    """
    splits = assign(read_manifest(manifest), plan.dev, plan.test, plan.seed)
    _check_root(manifest, root)
    dropped, errors, done = 0, list[str](), 0
    with contextlib.ExitStack() as stack:
        wanted = [split for split in SPLITS if split in splits.values()]
        writers = {split: stack.enter_context(create_split(out / split, plan.overwrite)) for split in wanted}
        cut = ordered_map(partial(_cut, root, plan.rate), _pieces(manifest), plan.workers)
        for piece in stack.enter_context(contextlib.closing(cut)):
            done += 1
            if progress:
                progress(piece.recording.path, done)
            if piece.error:
                errors.append(piece.error)
            elif piece.clip is None:
                dropped += 1
            else:
                _write(writers[splits[voice(piece.recording)]], piece, piece.clip, manifest.stem, plan.rate)
        for split, writer in writers.items():
            if not writer.num_clips:
                raise UsageError(f"{out / split}: nothing to hear for this split; see the summary of kvant data scan")
            writer.manifest = _describe(writer, manifest, plan)
    return Prepared({split: each.num_samples / plan.rate / 3600 for split, each in writers.items()}, dropped, errors)


def _check_root(manifest: Path, root: Path) -> None:
    first = next(recording for recording in read_manifest(manifest) if recording.usable)
    if not (root / first.path).is_file():
        raise UsageError(f"{root}: does not hold {first.path} of the manifest; name the scanned folder with --root")


def _pieces(manifest: Path) -> Iterator[Piece]:
    for recording in read_manifest(manifest):
        if recording.usable:
            for start in range(0, math.ceil(recording.duration_s), LONGEST):
                yield Piece(recording, start)


def _cut(root: Path, rate: int, piece: Piece) -> Piece:
    path = root / piece.recording.path
    try:
        with open_window(path, str(path)) as window:
            source_rate = window.sample_rate
            wav = window.read(piece.start * source_rate, LONGEST * source_rate)
        return piece._replace(clip=levelled(wav, source_rate, rate, str(path)))
    except AudioError as error:
        return piece._replace(error=str(error))


def _write(writer: SplitWriter, piece: Piece, clip: Clip, source: str, rate: int) -> None:
    recording = piece.recording
    before = {"source": recording.domain or source, "path": recording.path, "start_s": piece.start}
    before |= {"speaker": voice(recording), "language": recording.language, "domain": recording.domain}
    width = min(recording.bandwidth_hz, clip.source_rate // 2, rate // 2)
    writer.add(
        clip.samples, before, {"source_rate": clip.source_rate, "bandwidth_hz": width, "gain": round(clip.gain, 5)}
    )


def _describe(writer: SplitWriter, manifest: Path, plan: Plan) -> dict[str, object]:
    totals = {"samples": writer.num_samples, "clips": writer.num_clips, "hours": writer.num_samples / plan.rate / 3600}
    rules = {**RULES, "longest_s": LONGEST}
    software = {"numpy": np.__version__, "soxr": soxr.__version__, "soundfile": sf.__version__}
    head = {"version": VERSION, "split": writer.name, "sample_rate": plan.rate, **totals}
    return {**head, "sources": {manifest.stem: totals}, "rules": rules, "software": software, "seed": plan.seed}
