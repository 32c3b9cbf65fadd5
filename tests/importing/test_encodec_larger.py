"""EnCodec at 32 and 48 kHz: every published tensor has its place, and what the others compute is computed here.

fixtures/encodec_32khz_names.txt lists the state of facebook/encodec_32khz as transformers 5.24.0 builds it,
encodec_48khz_names.txt that of encodec 0.1.1. encodec_music_tiny.safetensors is a small one of the first with random
weights, a wav, its codes and their waveform; encodec_stereo_tiny.safetensors of the second, with segments of 60 samples
every 54: codes and scale of each.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import kvant
from kvant.checkpoint import load_codec, load_segmented
from kvant.codecs import encodec_music, encodec_stereo
from kvant.codecs.published import Published
from kvant.errors import ModelError, UsageError
from kvant.importing.filling import fill, fill_segmented, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.layers.seanet import SEANetConfig

FIXTURES = Path(__file__).parent / "fixtures"
STATISTICS = ("counts", "sums", "usage", "steps", "started")
MUSIC = replace(
    PUBLISHED["encodec-32khz"],
    config=encodec_music.Config(
        latent_dim=6, num_codebooks=2, codebook_size=16, seanet=SEANetConfig(filters=4, strides=(2, 3))
    ),
)
STEREO = replace(
    PUBLISHED["encodec-48khz"],
    config=encodec_stereo.Config(
        latent_dim=6,
        num_codebooks=3,
        codebook_size=16,
        seanet=SEANetConfig(filters=4, strides=(2, 3), channels=2),
        segment_length=60,
        segment_stride=54,
    ),
)


def tiny(kind: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(state, heard)."""
    tensors = load_file(FIXTURES / f"encodec_{kind}_tiny.safetensors")
    heard = {name.removeprefix("heard."): tensors.pop(name) for name in list(tensors) if name.startswith("heard.")}
    return tensors, heard


@pytest.mark.parametrize(
    ("name", "build"), [("encodec-32khz", encodec_music.build), ("encodec-48khz", encodec_stereo.build)]
)
def test_every_published_tensor_has_its_place(name: str, build: type) -> None:
    lines = (FIXTURES / f"{name.replace('-', '_')}_names.txt").read_text().splitlines()
    shapes = {name: tuple(map(int, shape.split(","))) for name, shape in map(str.split, lines)}
    left = ("original0", "inited", "cluster_size", "embed_avg")
    with torch.device("meta"):
        theirs = {
            name.replace("parametrizations.weight.original1", "weight"): torch.empty(shape)
            for name, shape in shapes.items()
            if not name.endswith(left)
        }
        codec = build(PUBLISHED[name].config)
    converted = PUBLISHED[name].layout_of(theirs).convert(theirs)
    ours = {name: tensor.shape for name, tensor in codec.state_dict().items() if not name.endswith(STATISTICS)}
    assert {name: tensor.shape for name, tensor in converted.items()} == ours


def test_music_is_what_transformers_made() -> None:
    """137 samples are 22 hops of 6 and an end within one."""
    state, heard = tiny("music")
    codec = fill(MUSIC, state)
    assert torch.equal(codec.encode(heard["wav"]), heard["codes"])
    assert torch.equal(codec.encode(heard["wav"], chunk=4), heard["codes"])
    decoded = codec.decode(heard["codes"])
    assert heard["decoded"].std() > 0.1
    assert (decoded - heard["decoded"]).abs().max() <= 1e-5 * heard["decoded"].abs().max()


def test_stereo_is_what_the_official_package_made() -> None:
    state, heard = tiny("stereo")
    codec = fill_segmented(STEREO, state)
    segments = codec.encode(heard["wav"])
    assert len(segments) == 3
    for index, segment in enumerate(segments):
        assert torch.equal(segment.codes, heard[f"codes_{index}"])
        torch.testing.assert_close(segment.scale, heard[f"scale_{index}"])
    decoded = codec.decode(segments)
    assert heard["decoded"].std() > 0.05
    assert (decoded - heard["decoded"]).abs().max() <= 1e-5 * heard["decoded"].abs().max()


def imported(release: Published, kind: str, tmp_path: Path, **options: str) -> Path:
    torch.save(tiny(kind)[0], tmp_path / "tiny.bin")
    import_checkpoint(kind, release, tmp_path / "tiny.bin", tmp_path / "model.safetensors", options)
    return tmp_path / "model.safetensors"


def test_model_files_of_music(tmp_path: Path) -> None:
    """With either edge; by silence the same weights begin differently, and in the middle of a signal do not."""
    wav = 0.3 * torch.sin(torch.arange(600.0) ** 1.3)[None, None]
    mirrored = load_codec(imported(MUSIC, "music", tmp_path))
    assert torch.equal(mirrored.encode(wav), fill(MUSIC, tiny("music")[0]).encode(wav))
    silent = load_codec(imported(MUSIC, "music", tmp_path, edges="silence"))
    with torch.no_grad():
        one, other = (codec.encoder.before(codec.pad(wav)) for codec in (mirrored, silent))  # type: ignore[operator]
    differs = (one - other).abs().amax(dim=(0, 1)) > 1e-6
    assert differs[0]
    assert differs[-1]
    assert not differs[5:-5].any()
    with pytest.raises(UsageError, match="must be one of mirror, silence"):
        imported(MUSIC, "music", tmp_path, edges="echo")


def test_model_files_of_segments(tmp_path: Path) -> None:
    path = imported(STEREO, "stereo", tmp_path)
    heard = tiny("stereo")[1]
    segments = load_segmented(path).encode(heard["wav"])
    assert torch.equal(segments[1].codes, heard["codes_1"])
    with pytest.raises(ModelError, match="load_segmented in Python"):
        load_codec(path)
    with pytest.raises(UsageError, match="has no option edges"):
        imported(STEREO, "stereo", tmp_path, edges="silence")
    with pytest.raises(ModelError, match="does not code in segments"):
        load_segmented(imported(MUSIC, "music", tmp_path))


def test_segments_behind_every_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, from where imported models are kept; what the official package made, through the bytes of a stream."""
    monkeypatch.setenv("KVANT_CACHE", str(tmp_path))
    folder = tmp_path / "models" / "encodec-48khz"
    folder.mkdir(parents=True)
    imported(STEREO, "stereo", folder)
    codec, heard = kvant.load("encodec-48khz"), tiny("stereo")[1]
    for item, wav in enumerate(heard["wav"].numpy()):
        coded = codec.encode(wav, codec.sample_rate)
        codes = torch.cat([heard[f"codes_{index}"][item] for index in range(3)], dim=-1)
        assert torch.equal(torch.from_numpy(coded.codes[0]), codes)
        stream = kvant.compress(wav, codec.sample_rate, model="encodec-48khz")
        decoded, _ = kvant.decompress(stream, "encodec-48khz")
        expected = heard["decoded"][item, :, : wav.shape[1]].numpy()
        assert abs(decoded - expected).max() <= 1e-5 * abs(expected).max()
        assert abs(codec.decode(coded) - decoded).max() == 0
