"""Which files of a folder are audio: the same ones for every verb that takes folders."""

from pathlib import Path

import numpy as np
import soundfile

from kvant.cli.encode import AUDIO
from kvant.cli.paths import plan
from kvant.data.scanning import find_audio
from kvant.evaluation.recordings import find_clips
from kvant.suffixes import READABLE, UNREADABLE


def test_audio_to_scan_is_audio_to_encode_and_to_evaluate(tmp_path: Path) -> None:
    folder = tmp_path / "heard"
    folder.mkdir()
    for name in ("a.snd", "b.WAV", "c.voc"):
        format = {"a.snd": "AU", "b.WAV": "WAV", "c.voc": "VOC"}[name]
        soundfile.write(folder / name, np.zeros(800, np.float32), 8000, "PCM_16", format=format)
    (folder / "notes.txt").write_text("none")
    names = ["a.snd", "b.WAV", "c.voc"]
    assert find_audio(folder).audio == names
    assert sorted(clip.name for clip in find_clips(folder, 3)) == names
    jobs = plan(str(folder), str(tmp_path / "coded"), AUDIO, ".kvt", force=False)
    assert sorted(Path(job.source).name for job in jobs) == names


def test_what_cannot_be_read_is_found_to_be_refused_by_name(tmp_path: Path) -> None:
    for suffix in UNREADABLE:
        (tmp_path / f"x{suffix}").write_bytes(b"?")
    assert len(find_audio(tmp_path).audio) == len(UNREADABLE)
    assert not set(READABLE) & set(UNREADABLE)
