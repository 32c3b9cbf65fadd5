"""SNAC's weights: every name of the official package has its place, and what it makes of them is made here.

`snac_24khz_names.txt` lists the 24 kHz model of snac 1.2.1, `snac_32khz_names.txt` the 32 kHz one, whose names and
shapes are those of the 44 kHz one. `snac_tiny.safetensors` holds random weights of a small one, a wav, its codes, and
what it decodes with `noise_at` in place of its draws; `snac_music_tiny.safetensors` the same with attention, its
weights in float16.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kvant.checkpoint import load_codec
from kvant.codecs import snac
from kvant.codecs.published import Published
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED

FIXTURES = Path(__file__).parent / "fixtures"
TINY = snac.Config(strides=(2, 5), encoder_channels=3, decoder_channels=8, codebook_size=16, codebook_dim=4)
RELEASE = replace(PUBLISHED["snac-24khz"], config=TINY)
MUSIC = replace(
    PUBLISHED["snac-32khz"],
    config=snac.Config(
        sample_rate=32000,
        strides=(3,),
        encoder_channels=32,
        decoder_channels=64,
        codebook_size=16,
        codebook_dim=4,
        attention_window=8,
    ),
)


def official(file: str = "snac_tiny") -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """(weights, heard)."""
    content = load_file(FIXTURES / f"{file}.safetensors")
    heard = {name.removeprefix("heard."): content.pop(name) for name in list(content) if name.startswith("heard.")}
    return {name: tensor.float() for name, tensor in content.items()}, heard


@pytest.mark.parametrize(
    ("release", "names", "count", "bitrate", "strides"),
    [
        ("snac-24khz", "snac_24khz_names.txt", 269, 984.4, (4, 2, 1)),
        ("snac-32khz", "snac_32khz_names.txt", 286, 1875, (8, 4, 2, 1)),
        ("snac-44khz", "snac_32khz_names.txt", 286, 2583.98, (8, 4, 2, 1)),
    ],
)
def test_every_name_of_the_official_model_has_a_tensor_of_its_shape(
    release: str, names: str, count: int, bitrate: float, strides: tuple[int, ...]
) -> None:
    lines = (FIXTURES / names).read_text().split("\n")[:-1]
    assert len(lines) == count
    theirs = {}
    for name, shape in (line.split() for line in lines):
        if not name.endswith(("weight.original0", "inv_freq")):
            sizes = tuple(int(size) for size in shape.split(","))
            theirs[name.replace("parametrizations.weight.original1", "weight")] = torch.empty(sizes, device="meta")
    with torch.device("meta"):
        codec = snac.build(PUBLISHED[release].config)
    ours = {name: p.shape for name, p in codec.named_parameters()}
    assert {name: tensor.shape for name, tensor in snac.from_official(theirs, head_dim=64).items()} == ours
    bits = 12 * codec.num_codebooks
    assert codec.frame_rate * bits == pytest.approx(bitrate, abs=0.1)
    assert codec.quantizer.strides == strides


@pytest.mark.parametrize(("release", "file"), [(RELEASE, "snac_tiny"), (MUSIC, "snac_music_tiny")], ids=["24", "music"])
def test_codes_and_wav_are_what_the_official_package_made(release: Published, file: str) -> None:
    weights, heard = official(file)
    codec = fill(release, weights)
    wav, scales = heard["wav"], [heard[f"scale_{level}"] for level in range(3)]
    codes = codec.encode(wav)
    for mine, theirs in zip(codec.quantizer.unfold(codes), scales, strict=True):  # type: ignore[operator, union-attr]
        assert torch.equal(mine, theirs)
    torch.testing.assert_close(codec.decode(codes, wav.shape[-1]), heard["decoded"], rtol=0, atol=1e-5)
    assert heard["decoded"].std() > 0.02


def test_its_checkpoint_becomes_a_model_file(tmp_path: Path) -> None:
    weights, heard = official()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    model = tmp_path / "model.safetensors"
    record = import_checkpoint("snac-24khz", RELEASE, tmp_path / "pytorch_model.bin", model, {})
    assert record["licence"]["weights"] == "MIT"
    codec = load_codec(model)
    decoded = codec.decode(codec.encode(heard["wav"]), heard["wav"].shape[-1])
    torch.testing.assert_close(decoded, heard["decoded"], rtol=0, atol=1e-5)
