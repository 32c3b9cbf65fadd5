"""DAC's weights: every name of the official package has its place, and what it makes of them is made here.

`dac_44khz_names.txt` lists the 44 kHz model of descript-audio-codec 1.0.0. `dac_tiny.safetensors` holds random weights
of a small one, a wav, its codes, and what it decodes from all three levels and from two.
"""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kvant.checkpoint import load_codec
from kvant.codecs import dac
from kvant.errors import ModelError
from kvant.importing.filling import fill, import_checkpoint
from kvant.importing.published import PUBLISHED
from kvant.model_file import read_model_file

FIXTURES = Path(__file__).parent / "fixtures"
TINY = dac.Config(
    sample_rate=16000,
    strides=(2, 5),
    encoder_channels=2,
    decoder_channels=16,
    latent_dim=6,
    num_codebooks=3,
    codebook_size=16,
    codebook_dim=4,
)
RELEASE = replace(PUBLISHED["dac-16khz"], config=TINY)


def official() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """(weights, heard)."""
    content = load_file(FIXTURES / "dac_tiny.safetensors")
    heard = {name.removeprefix("heard."): content.pop(name) for name in list(content) if name.startswith("heard.")}
    return content, heard


def test_every_name_of_the_official_model_has_a_tensor_of_its_shape() -> None:
    lines = (FIXTURES / "dac_44khz_names.txt").read_text().split("\n")[:-1]
    assert len(lines) == 301
    theirs = {}
    for name, shape in (line.split() for line in lines):
        if not name.endswith("weight_g"):
            shape = tuple(int(size) for size in shape.split(","))
            theirs[name.replace("weight_v", "weight")] = torch.empty(shape, device="meta")
    with torch.device("meta"):
        codec = dac.build(PUBLISHED["dac-44khz"].config)
    ours = {name: p.shape for name, p in codec.named_parameters()}
    assert {name: tensor.shape for name, tensor in dac.from_official(theirs).items()} == ours
    assert sum(shape.numel() for shape in ours.values()) == 76_620_777


@pytest.mark.parametrize(
    ("name", "million", "bitrate", "frame_rate"),
    [
        ("dac-44khz", 76.6, 7752, 86.13),
        ("dac-44khz-16kbps", 64.2, 15504, 86.13),
        ("dac-24khz", 74.7, 24000, 75),
        ("dac-16khz", 74.2, 6000, 50),
    ],
)
def test_releases_are_as_large_and_as_fast_as_published(
    name: str, million: float, bitrate: float, frame_rate: float
) -> None:
    with torch.device("meta"):
        codec = dac.build(PUBLISHED[name].config)
    assert sum(p.numel() for p in codec.parameters()) / 1e6 == pytest.approx(million, abs=0.1)
    assert codec.frame_rate == pytest.approx(frame_rate, abs=0.01)
    assert codec.frame_rate * 10 * codec.num_codebooks == pytest.approx(bitrate, abs=1)


def test_codes_and_wav_are_what_the_official_package_made() -> None:
    weights, heard = official()
    codec = fill(RELEASE, weights)
    wav, decoded = heard["wav"], heard["decoded"]
    assert torch.equal(codec.encode(wav), heard["codes"])
    for k, expected in ((3, decoded), (2, heard["decoded_2"])):
        ours = codec.decode(heard["codes"][:, :k], wav.shape[-1])
        torch.testing.assert_close(ours[..., : expected.shape[-1]], expected, rtol=0, atol=1e-5)
    assert decoded.std() > 0.02


def test_what_a_level_decodes_has_another_length_than_what_it_searched() -> None:
    """Searched by angle alone: a codebook with vectors of any lengths gives the same codes; it decodes to others."""
    weights, heard = official()
    codec = fill(replace(RELEASE, config=replace(TINY, num_codebooks=1)), first_level_of(weights))
    codes = codec.encode(heard["wav"])
    book = codec.quantizer.levels[0].quantizer.codebook  # type: ignore[union-attr, index]
    before = codec.decode(codes)
    with torch.no_grad():
        book.weight.mul_(torch.linspace(0.5, 3, len(book.weight))[:, None])
    assert torch.equal(codec.encode(heard["wav"]), codes)
    assert (codec.decode(codes) - before).abs().max() > 1e-3


def first_level_of(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n: t for n, t in weights.items() if not n.startswith(("quantizer.quantizers.1", "quantizer.quantizers.2"))}


def test_a_checkpoint_of_its_trainer_becomes_a_model_file(tmp_path: Path) -> None:
    """The container holds the arguments of the model beside its state."""
    weights, heard = official()
    torch.save({"state_dict": weights, "metadata": {"kwargs": {"encoder_dim": 2}}}, tmp_path / "weights.pth")
    model = tmp_path / "model.safetensors"
    record = import_checkpoint("dac-16khz", RELEASE, tmp_path / "weights.pth", model, {})
    assert record["licence"] == {"code": "MIT", "weights": "MIT"}
    codec = load_codec(model)
    assert torch.equal(codec.encode(heard["wav"]), heard["codes"])
    metadata = read_model_file(model).metadata
    assert metadata["architecture"] == "dac"
    assert metadata["config"] == {**asdict(TINY), "strides": [2, 5]}
    assert metadata["licence"] == record["licence"]


def test_weights_that_do_not_fit_are_refused_by_name() -> None:
    weights, _ = official()
    del weights["decoder.model.0.bias"]
    with pytest.raises(ModelError, match=r"missing: decoder\.layers\.0\.bias"):
        fill(RELEASE, weights)
