"""The corpora of voices and music: which recording is heard where, copies, and packages that cannot be fetched."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kvant.data import debian, open_corpus
from kvant.data.levelling import Clip
from kvant.data.music_sources import MUSIC
from kvant.data.recipe import Source
from kvant.data.voice_sources import LICENCES, VOICES, sources
from kvant.errors import UsageError
from tests.data.conftest import noise, save

RUSSIAN = "festvox-ru/usr/share/wav/ru_{:04}.wav"
STAMP = "tuxpaint-stamps-default/usr/share/stamps/{}_desc_{}.ogg"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Packages as they are unpacked, with a few recordings each, and their archives."""
    root = tmp_path / "cache"
    for package in LICENCES:
        (root / package).mkdir(parents=True)
        (root / f"{package}_1.0_all.deb").write_bytes(package.encode())
    for k in range(62):
        save(root / RUSSIAN.format(k), noise(0.5, 5000 if k else 6000, seed=k))
    for name, language, seed in (("cat", "el", 100), ("dog", "fr", 101), ("dog", "de", 101)):
        save(root / STAMP.format(name, language), noise(0.5, 7900, 44100, seed=seed), 44100, "VORBIS")
    shutil.copy(root / STAMP.format("dog", "fr"), root / STAMP.format("dog", "de"))
    save(root / "fillets-ng-data-nl/share/sound/bathroom/nl-m-voda.ogg", noise(0.5, 7900, 22050), 22050, "VORBIS")
    return root


def test_no_speaker_of_test_is_heard_in_training(cache: Path) -> None:
    found = list(sources(cache))
    splits = {split: {each.speaker for each in found if each.split == split} for split in ("train", "dev", "test")}
    assert splits["test"] == {"fillets-nl-m"}
    assert not splits["test"] & (splits["train"] | splits["dev"])
    assert splits["dev"] == {"festvox-ru", "tuxpaint-el"}
    assert [each.split for each in found if each.speaker == "festvox-ru"] == 2 * ["train"] + 60 * ["dev"]


def test_the_corpus_from_packages_in_the_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched; bandwidths are those of a speaker in a package; a manifest names archives and licences."""
    pytest.importorskip("av")
    monkeypatch.setattr(debian.shutil, "which", lambda name: None)
    open_corpus.make_corpus(VOICES, cache, tmp_path / "out", lambda name, number: None)
    rows = {
        split: [json.loads(line) for line in (tmp_path / "out" / split / "clips.jsonl").read_text().splitlines()]
        for split in ("train", "dev", "test")
    }
    assert [row["path"] for row in rows["train"]][:2] == [RUSSIAN.format(0), RUSSIAN.format(1)]
    assert [row["language"] for row in rows["train"]] == ["ru", "ru", "de"]
    assert rows["train"][0]["bandwidth_hz"] == rows["train"][1]["bandwidth_hz"]
    assert 6000 <= rows["train"][0]["bandwidth_hz"] <= 6300
    manifest = json.loads((tmp_path / "out" / "train" / "manifest.json").read_text())
    reader = manifest["sources"]["festvox-ru"]
    assert reader["licence"] == LICENCES["festvox-ru"]
    assert reader["archive"] == "festvox-ru_1.0_all.deb"
    assert len(bytes.fromhex(reader["sha256"])) == 32
    assert reader["clips"] == 2
    audio = np.load(tmp_path / "out" / "train" / "audio.npy")
    assert len(audio) == manifest["samples"] == sum(row["length"] for row in rows["train"])
    monkeypatch.setattr(open_corpus, "fetch_packages", None)
    with pytest.raises(UsageError, match="exists already; use -f"):
        open_corpus.make_corpus(VOICES, cache, tmp_path / "out", lambda name, number: None)


def test_music_hears_other_tracks_in_dev_and_other_composers_in_test(tmp_path: Path) -> None:
    pytest.importorskip("av")
    cache = tmp_path / "cache"
    for package in MUSIC.licences:
        (cache / package).mkdir(parents=True)
        (cache / f"{package}_1.0_all.deb").write_bytes(package.encode())
    for seed, (name, top) in enumerate((("Hv2", 9000), ("Infinite", 7000), ("music008", 5000))):
        track = cache / f"colobot-common-sounds/usr/share/games/colobot/music/{name}.ogg"
        save(track, noise(0.5, top, 44100, seed=seed), 44100, "VORBIS")
    waiting = cache / "asterisk-moh-opsound-g722/usr/share/asterisk/moh/track.g722"
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(np.random.default_rng(0).integers(0, 256, 8000, np.uint8).tobytes())
    open_corpus.make_corpus(MUSIC, cache, tmp_path / "out", lambda name, number: None)
    heard = {}
    for split in ("train", "dev", "test"):
        lines = (tmp_path / "out" / split / "clips.jsonl").read_text().splitlines()
        heard[split] = {row["speaker"]: row["bandwidth_hz"] for row in map(json.loads, lines)}
    assert {split: set(tracks) for split, tracks in heard.items()} == {
        "train": {"Infinite", "music008"},
        "dev": {"Hv2"},
        "test": {"track"},
    }
    assert abs(heard["train"]["Infinite"] - 7000) <= 500
    assert abs(heard["train"]["music008"] - 5000) <= 500
    manifest = json.loads((tmp_path / "out" / "test" / "manifest.json").read_text())
    source = manifest["sources"]["asterisk-moh-opsound-g722"]
    assert source["licence"] == MUSIC.licences["asterisk-moh-opsound-g722"]


def test_of_copies_the_first_gives_the_labels_and_the_last_the_place() -> None:
    def clip(level: int) -> Clip:
        return Clip(np.full(10, level, "<i2"), 16000, 1.0, np.ones(120))

    pairs = [(Source("train", "p", name, "s", "l"), clip(level)) for name, level in zip("abcd", (1, 2, 1, 3))]
    spool = io.BytesIO()
    entries = open_corpus.spooled([*pairs, (pairs[0][0], None)], spool, lambda name, number: None)
    assert [entry.source.path for entry in entries] == ["b", "a", "d"]
    heard = [np.frombuffer(spool.getvalue()[entry.start :][: 2 * entry.length], "<i2")[0] for entry in entries]
    assert heard == [2, 1, 3]
    assert len(spool.getvalue()) == 60


def test_without_apt_it_says_where_to_fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="cannot download festvox-ru: there is no apt-get here; fetch on Debian"):
        debian.fetch("festvox-ru", tmp_path)
    (tmp_path / "festvox-ru_1_all.deb").write_bytes(b"")
    with pytest.raises(UsageError, match=r"cannot unpack .*festvox-ru_1_all\.deb: there is no dpkg here"):
        debian.fetch("festvox-ru", tmp_path)


def test_a_command_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("apt-get", "E: Unable to locate package"), ("dpkg", "not a Debian archive")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 100\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(UsageError, match=r"\(E: Unable to locate package\); try after sudo apt-get update"):
        debian.fetch("gcin-voice", tmp_path)
    (tmp_path / "gcin-voice_1_all.deb").write_bytes(b"")
    with pytest.raises(UsageError, match=r"\(not a Debian archive\); remove .*gcin-voice_1_all\.deb and try again"):
        debian.fetch("gcin-voice", tmp_path)
    assert not (tmp_path / "gcin-voice").exists()
