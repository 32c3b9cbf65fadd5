"""Prepares the voice corpus of the shipped model: `python recipes/voice_corpus.py CACHE OUT`.

Fetches and unpacks the Debian packages of voice_sources.py into CACHE (what is there is kept),
decodes to 24 kHz mono, trims, levels, and writes

    OUT/{train,dev,test}/audio.npy     int16 little-endian [total samples]: all clips end to end, memory-mappable
    OUT/{train,dev,test}/clips.jsonl   one clip a line: id, source, path, speaker, language, offset, length,
                                       source_rate, bandwidth_hz (`bandwidth` of its speaker), gain (linear, applied)
    OUT/{train,dev,test}/manifest.json sources with hours, clips, licence, version and sha256; rules and versions

No speaker of `test` is heard in `train`. `dev` holds an unseen speaker (Greek) and a seen one (the Russian reader).
Each clip is kept whole. Needs `pip install kvant[eval]` (PyAV decodes G.722) and `apt-get`, `dpkg` of a Debian system.
"""

import argparse
import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import soundfile as sf
import soxr
from voice_sources import LICENCES, Source, fetch, sources

VERSION = 1
RATE = 24000
MARGIN = 0.15  # s of silence kept at each end
SHORTEST = 0.4  # s; a shorter clip is dropped
LEVEL = 10 ** (-23 / 20)  # RMS of the active part
PEAK = 0.95
ACTIVE_DB = 40.0  # a 20 ms frame is active within this of the 95th percentile of its clip's frames
FLOOR = 10 ** (-60 / 20)  # a clip whose loud frames stay below this is silence
BAND_DB = 50.0
BANDS = 120  # of 100 Hz, up to 12 kHz


class Clip(NamedTuple):
    """One decoded recording: samples int16 at 24 kHz, its gain, and the power of its loud frames per 100 Hz band."""

    samples: np.ndarray
    source_rate: int
    gain: float
    spectrum: np.ndarray


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Mono float32 samples [n] and their rate."""
    if path.suffix == ".g722":
        with av.open(str(path), format="g722") as container:
            blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        return np.concatenate([np.zeros(0, np.int16), *blocks]).astype(np.float32) / 32768, 16000
    wav, rate = sf.read(path, dtype="float32", always_2d=True)
    return wav.mean(axis=1), rate


def band_powers(frames: np.ndarray, rate: int) -> np.ndarray:
    """Power [BANDS] of the loud moments of each 100 Hz band, relative to the strongest band; frames [n, rate // 50].

    The 95th percentile over frames, not the mean: it is the fricatives that show how far a recording reaches.
    """
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]).astype(np.float32), axis=1)) ** 2
    band = (np.arange(power.shape[1]) * rate / frames.shape[1] // 100).astype(int)
    loud = np.percentile(power, 95, axis=0)
    summed = np.bincount(band, loud, minlength=BANDS)[:BANDS]
    return summed / max(summed.max(), 1e-20)


def prepare(path: Path) -> Clip | None:
    """Decodes, resamples, trims to the active part with its margins and levels one file; None if silent or too short.

    The gain brings the RMS of the active frames to -23 dBFS, less where the peak would exceed 0.95.
    """
    wav, rate = decode(path)
    native = wav[: len(wav) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50)
    wav = soxr.resample(wav, rate, RATE, quality="HQ")
    size = RATE // 50
    frames = wav[: len(wav) // size * size].reshape(-1, size)
    if len(frames) == 0 or len(native) == 0:
        return None
    rms = np.sqrt(np.mean(frames**2, axis=1))
    loud = np.percentile(rms, 95)
    active = np.flatnonzero(rms > loud * 10 ** (-ACTIVE_DB / 20))
    if loud < FLOOR:
        return None
    margin = round(MARGIN * RATE)
    wav = wav[max(active[0] * size - margin, 0) : (active[-1] + 1) * size + margin]
    if len(wav) < SHORTEST * RATE:
        return None
    gain = min(LEVEL / np.sqrt(np.mean(rms[active] ** 2)), PEAK / np.abs(wav).max())
    samples = np.round(wav * gain * 32767).astype("<i2")
    native_active = native[active[active < len(native)]]
    return Clip(samples, rate, float(gain), band_powers(native_active, rate))


def bandwidth(spectra: list[np.ndarray]) -> int:
    """Hz: upper edge of the highest 100 Hz band within 50 dB of the strongest in the mean of `spectra` ([BANDS] each).

    Smoothed over 300 Hz so that a lone whistle (a pilot or monitor line) counts for little; at most 12000.
    """
    mean = np.convolve(np.mean(spectra, axis=0), np.ones(3) / 3, mode="same")
    return int((np.flatnonzero(mean > mean.max() * 10 ** (-BAND_DB / 10))[-1] + 1) * 100)


def write_split(split: str, entries: list[tuple[Source, Clip]], packages: dict[str, dict[str, str]], out: Path) -> None:
    """Writes the three files of a split and prints the hours of each source."""
    folder = out / split
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "audio.npy", np.concatenate([clip.samples for _, clip in entries]))
    spectra: dict[tuple[str, str], list[np.ndarray]] = {}
    for source, clip in entries:
        spectra.setdefault((source.package, source.speaker), []).append(clip.spectrum)
    widths = {key: bandwidth(each) for key, each in spectra.items()}
    offset = 0
    totals: dict[str, dict[str, Any]] = {}
    with open(folder / "clips.jsonl", "w", encoding="utf-8") as lines:
        for index, (source, clip) in enumerate(entries):
            row = {"id": f"{split}-{index:05d}", "source": source.package, **source._asdict()}
            row |= {"offset": offset, "length": len(clip.samples), "source_rate": clip.source_rate}
            width = min(widths[source.package, source.speaker], clip.source_rate // 2)
            row |= {"bandwidth_hz": width, "gain": round(clip.gain, 5)}
            del row["split"], row["package"]
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            offset += len(clip.samples)
            total = totals.setdefault(source.package, {"clips": 0, "hours": 0.0, **packages[source.package]})
            total["clips"] += 1
            total["hours"] += len(clip.samples) / RATE / 3600
    rules = {"margin_s": MARGIN, "shortest_s": SHORTEST, "level_dbfs": -23, "peak": PEAK, "active_db": ACTIVE_DB}
    software = {"numpy": np.__version__, "soxr": soxr.__version__, "soundfile": sf.__version__, "av": av.__version__}
    manifest = {"version": VERSION, "split": split, "sample_rate": RATE, "samples": offset, "clips": len(entries)}
    manifest |= {"hours": offset / RATE / 3600, "sources": totals, "rules": rules, "software": software}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for package, total in totals.items():
        print(f"{split:5} {package:30} {total['clips']:6} clips {total['hours']:6.3f} h")
    print(f"{split:5} {'all':30} {len(entries):6} clips {offset / RATE / 3600:6.3f} h")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="folder for the packages")
    parser.add_argument("out", type=Path, help="folder for the prepared splits")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    packages = {}
    for package, licence in LICENCES.items():
        archive = fetch(package, arguments.cache)
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        packages[package] = {"licence": licence, "archive": archive.name, "sha256": digest}
    found = list(sources(arguments.cache))
    with ProcessPoolExecutor(arguments.workers) as pool:
        clips = list(pool.map(prepare, [arguments.cache / source.path for source in found], chunksize=32))
    # Several stamps share one recording: the first of identical clips stays.
    unique = {clip.samples.tobytes(): (source, clip) for source, clip in zip(found[::-1], clips[::-1]) if clip}
    kept = list(unique.values())[::-1]
    print(f"{len(found)} recordings; kept {len(kept)}, the rest silent, too short or a copy")
    for split in ("train", "dev", "test"):
        write_split(split, [entry for entry in kept if entry[0].split == split], packages, arguments.out)


if __name__ == "__main__":
    main()
