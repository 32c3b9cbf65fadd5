"""Corpora of open recordings: Debian packages to splits of a corpus at 24 kHz, byte for byte the same.

Of voices, no speaker of `test` is heard in `train`; `dev` holds an unseen speaker (Greek) and a seen one (the Russian
reader). Of music, `dev` and `test` are other tracks.
Each clip is kept whole. The bandwidth of a clip is that of its speaker in its package: a short word tells
little.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import soundfile as sf
import soxr

from kvant.audio import read
from kvant.data.bandwidth import bandwidth
from kvant.data.corpus import SplitWriter, check_absent, create_split
from kvant.data.debian import fetch
from kvant.data.levelling import RULES, Clip, levelled
from kvant.data.parallel import ordered_map
from kvant.data.recipe import Recipe, Source
from kvant.errors import AudioError, UsageError
from kvant.extras import import_extra

VERSION = 1
RATE = 24000
SPLITS = ("train", "dev", "test")


class Entry(NamedTuple):
    """A clip whose samples lie in the spool, from `start` on."""

    source: Source
    clip: Clip
    start: int
    length: int


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Mono float32 samples [n] and their rate. AudioError: not audio, or damaged."""
    if path.suffix != ".g722":
        wav, rate = read(path)
        return wav.mean(axis=0), rate
    av = g722_decoder()
    try:
        with av.open(str(path), format="g722") as container:
            blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    except av.FFmpegError as error:
        raise AudioError(f"{path}: cannot be decoded ({error}); unpack its package again") from error
    return np.concatenate([np.zeros(0, np.int16), *blocks]).astype(np.float32) / 32768, 16000


def g722_decoder() -> Any:
    """The module av. UsageError: not installed."""
    return import_extra("av", "eval", "decoding G.722")


def fetch_packages(
    licences: Mapping[str, str], cache: Path, progress: Callable[[str, int], None]
) -> dict[str, dict[str, str]]:
    """Package -> its licence, archive and sha256, each fetched into `cache` unless it is there."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{cache}: cannot be made ({error.strerror}); name another folder with --cache") from error
    packages = {}
    for number, (package, licence) in enumerate(licences.items()):
        progress(package, number)
        archive = fetch(package, cache)
        with open(archive, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        packages[package] = {"licence": licence, "archive": archive.name, "sha256": digest}
    return packages


def make_corpus(
    recipe: Recipe,
    cache: Path,
    out: Path,
    progress: Callable[[str, int], None],
    workers: int = 1,
    overwrite: bool = False,
) -> list[str]:
    """Fetch, decode, trim, level and write `out`/{train,dev,test}; a line a split and source on what was made."""
    g722_decoder()
    if not overwrite:
        check_absent([out / split for split in SPLITS])
    packages = fetch_packages(recipe.licences, cache, progress)
    found = list(recipe.sources(cache))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out) as spool:
        with closing(ordered_map(partial(_clip, cache), [source.path for source in found], workers)) as clips:
            entries = spooled(zip(found, clips), spool, progress)
        lines = [f"{len(found)} recordings; kept {len(entries)}, the rest silent, too short or a copy"]
        for split in SPLITS:
            chosen = [entry for entry in entries if entry.source.split == split]
            with create_split(out / split, overwrite) as writer:
                lines += _write_split(writer, chosen, packages, spool)
    return lines


def _clip(cache: Path, path: str) -> Clip | None:
    wav, rate = decode(cache / path)
    return levelled(wav, rate, RATE, path)


def spooled(
    pairs: Iterable[tuple[Source, Clip | None]], spool: IO[bytes], progress: Callable[[str, int], None]
) -> list[Entry]:
    """The clips with their samples in `spool` instead, each once: several stamps share one recording.

    Of copies the first gives source and split, the last the place in the order.
    """
    unique: dict[bytes, Entry] = {}
    for number, (source, clip) in enumerate(pairs):
        progress(source.path, number)
        if clip is None:
            continue
        key = hashlib.sha256(clip.samples.data).digest()
        entry = unique.pop(key, None)
        if entry is None:
            entry = Entry(source, clip._replace(samples=np.zeros(0, np.int16)), spool.tell(), len(clip.samples))
            spool.write(clip.samples.data)
        unique[key] = entry
    return list(unique.values())


def _write_split(
    writer: SplitWriter, entries: list[Entry], packages: dict[str, dict[str, str]], spool: IO[bytes]
) -> list[str]:
    spectra: dict[tuple[str, str], list[np.ndarray]] = {}
    for entry in entries:
        spectra.setdefault((entry.source.package, entry.source.speaker), []).append(entry.clip.spectrum)
    widths = {key: bandwidth(each) for key, each in spectra.items()}
    totals: dict[str, dict[str, Any]] = {}
    for source, clip, start, length in entries:
        spool.seek(start)
        samples = np.frombuffer(spool.read(2 * length), "<i2")
        before = {"source": source.package, "path": source.path, "speaker": source.speaker, "language": source.language}
        width = min(widths[source.package, source.speaker], clip.source_rate // 2)
        gain = round(clip.gain, 5)
        writer.add(samples, before, {"source_rate": clip.source_rate, "bandwidth_hz": width, "gain": gain})
        total = totals.setdefault(source.package, {"clips": 0, "hours": 0.0, **packages[source.package]})
        total["clips"] += 1
        total["hours"] += length / RATE / 3600
    hours = writer.num_samples / RATE / 3600
    software = {"numpy": np.__version__, "soxr": soxr.__version__, "soundfile": sf.__version__}
    software["av"] = g722_decoder().__version__
    writer.manifest = {"version": VERSION, "split": writer.name, "sample_rate": RATE, "samples": writer.num_samples}
    writer.manifest |= {"clips": writer.num_clips, "hours": hours, "sources": totals}
    writer.manifest |= {"rules": RULES, "software": software}
    rows = [(package, total["clips"], total["hours"]) for package, total in totals.items()]
    rows.append(("all", writer.num_clips, hours))
    return [f"{writer.name:5} {name:30} {clips:6} clips {each:6.3f} h" for name, clips, each in rows]
