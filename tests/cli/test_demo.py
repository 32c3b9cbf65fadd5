"""`kvant demo`: the folder it makes, its page and its figures."""

import base64
import io
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import kvant
from kvant import bitstream
from kvant.audio import read
from kvant.cli.demo.recordings import ASSETS, RECORDINGS
from kvant.cli.demo.spectrogram import level
from tests.cli.conftest import RATE, Outcome

RATES = ("0.75", "1.5", "3", "6")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, run: Callable[..., Outcome]) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("demo") / "new" / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvant.cli.demo.measuring.REPEATS", 1)
        done = run("demo", "--output", folder)
    assert done.code == 0
    return folder, done


def test_recordings_are_small_and_attributed() -> None:
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 600_000
    attribution = (ASSETS / "ATTRIBUTION.md").read_text()
    for recording in RECORDINGS:
        wav, sample_rate = read(recording.path)
        assert (len(wav), sample_rate) == (1, RATE)
        row = next(line for line in attribution.splitlines() if line.startswith(f"| {recording.path.name} "))
        assert f"| {wav.shape[1] / RATE:.2f} |" in row
        assert f"| {recording.licence[0]} |" in row
        assert ("seen in training" in row) == recording.seen
        assert all(address in attribution for address in recording.licence[1:])


def test_files(made: tuple[Path, Outcome]) -> None:
    folder, _ = made
    for recording in RECORDINGS:
        original, _ = read(recording.path)
        np.testing.assert_array_equal(read(folder / f"{recording.name}-original.wav")[0], original)
        for rate in RATES:
            data = (folder / f"{recording.name}-{rate}kbps.kvt").read_bytes()
            assert bitstream.info(io.BytesIO(data)).num_codebooks == round(float(rate) / 0.75)
            decoded, _ = read(folder / f"{recording.name}-{rate}kbps.wav")
            np.testing.assert_allclose(decoded, kvant.decompress(data)[0].clip(-1, 1), atol=2**-14)
    assert (folder / "ATTRIBUTION.md").read_bytes() == (ASSETS / "ATTRIBUTION.md").read_bytes()


def test_table(made: tuple[Path, Outcome]) -> None:
    _, done = made
    lines = done.out.splitlines()
    assert max(map(len, lines[:22])) < 80
    rows = [line.split() for line in lines if re.match(r" +(0\.75|1\.5|3|6) ", line)]
    assert [row[0] for row in rows] == [*RATES] * 4
    for row in rows:
        nominal, _, payload, file, encode, decode, si_sdr, mel = map(float, row)
        assert nominal <= payload < 1.03 * nominal < file
        assert min(encode, decode) > 0
        assert -10 < si_sdr < 30
        assert 0 < mel < 1
    assert done.out.count("seen in training\n") == done.out.count("speaker not in the training data\n") == 2


class Addresses(HTMLParser):
    """Every address a page loads something from, and every one it links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("src", "data-sound", "srcset") or (name == "href" and tag == "link"):
                self.loaded.append(value or "")
            elif name == "href":
                self.linked.append(value or "")


def test_page_is_complete_in_itself(made: tuple[Path, Outcome]) -> None:
    page = (made[0] / "index.html").read_text(encoding="utf-8")
    assert len(page) < 6_000_000
    assert "$" not in re.sub(r"base64,[^\"]*", "", page), "a place in the template was not filled"
    addresses = Addresses(page)
    assert set(addresses.linked) == {recording.licence[1] for recording in RECORDINGS}
    sounds = [address for address in addresses.loaded if address.startswith("data:audio/flac;base64,")]
    pictures = [address for address in addresses.loaded if address.startswith("data:image/webp;base64,")]
    assert len(addresses.loaded) == len(sounds) + len(pictures)
    assert len(sounds) == 4 * 6
    original, sample_rate = read(io.BytesIO(base64.b64decode(sounds[0].split(",")[1])))
    assert sample_rate == RATE
    np.testing.assert_array_equal(original, read(RECORDINGS[0].path)[0])


def test_without_matplotlib_there_is_a_note(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['matplotlib', 'torch']))\n"
        "from kvant.cli import main\n"
        "from kvant.cli.demo import measuring\n"
        "measuring.REPEATS, measuring.DEPTHS = 1, (1,)\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script, "demo", "-o", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.startswith("kvant: note: no picture of spectrograms: ")
    assert "pip install 'kvant[plot]'" in done.stderr
    assert not (tmp_path / "demo/spectrograms.png").exists()
    assert "<img" not in (tmp_path / "demo/index.html").read_text(encoding="utf-8")


def test_picture(made: tuple[Path, Outcome]) -> None:
    pytest.importorskip("matplotlib")
    assert (made[0] / "spectrograms.png").read_bytes().startswith(b"\x89PNG")


def test_a_sine_of_full_scale_has_0_db_at_its_frequency() -> None:
    wav = np.sin(2 * np.pi * 2000 * np.arange(RATE) / RATE)
    spectrogram = level(wav, RATE)[:, 10:-10]
    frequencies = np.linspace(0, RATE / 2, len(spectrogram))
    assert frequencies[spectrogram.mean(axis=1).argmax()] == 2000
    np.testing.assert_allclose(spectrogram.max(axis=0), 0, atol=0.1)
    assert level(np.zeros(RATE), RATE).max() == -120


def test_a_folder_in_use_is_refused(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for output in (tmp_path, tmp_path / "notes.txt"):
        done = run("demo", "-o", output)
        assert done.code == 2
        assert "use -f" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
