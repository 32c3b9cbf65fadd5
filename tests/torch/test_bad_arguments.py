"""What a codec cannot take is refused by name, whatever the length: no shortcut comes before the checks."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.codecs import encodec_stereo, frame
from kvant.codecs.segmented import SegmentedCodec
from kvant.errors import UsageError
from kvant.layers.context import ContextConfig
from kvant.quantizers.slots import ABSENT
from tests.laws.composites import vector
from tests.laws.test_segmented_codec import CONFIG as STEREO

SMALL = ContextConfig(16, 16, (1,))
LENGTHS = pytest.mark.parametrize("length", [0, 1, 640])


@pytest.fixture(scope="module")
def codec() -> Codec:
    """Two codebooks of 16."""
    config = frame.Config(num_codebooks=2, codebook_size=16, latent_dim=16, encoder=SMALL, decoder=SMALL)
    return frame.build(config).eval()


@pytest.fixture(scope="module")
def stereo() -> SegmentedCodec:
    return encodec_stereo.build(STEREO).eval()


def codes_of(*levels: int) -> Tensor:
    """The same codes in each of ten frames."""
    return torch.tensor(levels)[None, :, None].expand(1, -1, 10)


@LENGTHS
class TestWhateverTheLength:
    @pytest.mark.parametrize("shape", [(2,), (1,), (1, 2), (1, 0), ()], ids=str)
    def test_wav_of_another_shape(self, codec: Codec, length: int, shape: tuple[int, ...]) -> None:
        """Of two channels, a lapped transform would make twice as many hops."""
        wav = torch.zeros(*shape, length)
        verbs: list[Callable[[], object]] = [
            lambda: codec.encode(wav),
            lambda: codec(wav),
            lambda: codec.encode_step(wav, codec.encoder.initial_state(1)),
        ]
        for verb in verbs:
            with pytest.raises(UsageError, match=r"must be \[B, 1, N\]"):
                verb()

    @pytest.mark.parametrize("depth", [0, -1, 3, 99, 1.5, 2.0])
    def test_depths_that_there_are_not(self, codec: Codec, stereo: SegmentedCodec, length: int, depth: float) -> None:
        wav = torch.zeros(1, 1, length)
        for verb in (codec.encode, codec):
            with pytest.raises(UsageError, match=f"num_codebooks={depth}: this quantizer has 1 to 2"):
                verb(wav, depth)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="num_codebooks="):
            stereo.encode(torch.zeros(1, 2, length), 2 * depth - 0.5)  # type: ignore[arg-type]

    @pytest.mark.parametrize("beam", [0, -1])
    def test_beams_and_chunks_below_1(self, codec: Codec, length: int, beam: int) -> None:
        with pytest.raises(UsageError, match=f"beam {beam}"):
            codec.encode(torch.zeros(1, 1, length), beam=beam)
        with pytest.raises(UsageError, match=f"chunk {beam}"):
            codec.encode(torch.zeros(1, 1, length), chunk=beam)
        with pytest.raises(UsageError, match=f"chunk {beam}"):
            codec.decode(torch.zeros(1, 2, length, dtype=torch.int64), chunk=beam)

    @pytest.mark.parametrize("levels", [0, 3, 5])
    def test_levels_that_there_are_not(self, codec: Codec, length: int, levels: int) -> None:
        with pytest.raises(UsageError, match=r"must be int64 \[B, 1 to 2, T\]"):
            codec.decode(torch.zeros(1, levels, length, dtype=torch.int64))

    def test_codes_that_are_no_integers(self, codec: Codec, length: int) -> None:
        with pytest.raises(UsageError, match="float32"):
            codec.decode(torch.zeros(1, 2, length))

    def test_fewer_samples_than_none(self, codec: Codec, length: int) -> None:
        with pytest.raises(UsageError, match="num_samples=-5"):
            codec.decode(torch.zeros(1, 2, length, dtype=torch.int64), -5)

    def test_another_number_of_channels_than_two(self, stereo: SegmentedCodec, length: int) -> None:
        for channels in (1, 3):
            for verb in (stereo.encode, stereo):
                with pytest.raises(UsageError, match=r"must be \[B, 2, N\]"):
                    verb(torch.zeros(1, channels, length))


@pytest.mark.parametrize(
    ("levels", "wrong"), [((16, 0), 16), ((99,), 99), ((0, -2), -2), ((3, 1 << 40), 1 << 40)], ids=str
)
def test_codes_outside_their_codebook(codec: Codec, levels: tuple[int, ...], wrong: int) -> None:
    message = f"code {wrong} of level {levels.index(wrong)} in frame 0: its codebook has 0 to 15"
    with pytest.raises(UsageError, match=message):
        codec.decode(codes_of(*levels))
    with pytest.raises(UsageError, match=message):
        codec.decode_step(codes_of(*levels), codec.decoder.initial_state(1))


def test_absent_codes_are_for_those_with_more_levels_than_one(codec: Codec) -> None:
    torch.testing.assert_close(codec.decode(codes_of(5, ABSENT)), codec.decode(codes_of(5)))
    single = Codec(codec.encoder, vector(16, 16), codec.decoder, 24000, codec.hop_length, codec.pre_skip)
    with pytest.raises(UsageError, match=f"code {ABSENT} of level 0"):
        single.decode(codes_of(ABSENT))


@pytest.mark.parametrize("depths", [[-1, 2], [0, 3], [1], [1, 2, 1], [1.0, 2.0]], ids=str)
def test_depths_of_items_that_there_are_not(codec: Codec, stereo: SegmentedCodec, depths: list[int]) -> None:
    for verb, channels in ((codec, 1), (stereo, 2)):
        with pytest.raises(UsageError, match="num_codebooks"):
            verb(torch.zeros(2, channels, 100), torch.tensor(depths) * (1 if channels == 1 else 2))


def test_there_is_nothing_to_learn_from_no_samples(codec: Codec, stereo: SegmentedCodec) -> None:
    for verb, channels in ((codec, 1), (stereo, 2)):
        with pytest.raises(UsageError, match="no samples"):
            verb(torch.zeros(1, channels, 0))
    assert codec.encode(torch.zeros(2, 1, 0), 1).shape == (2, 1, 0)
    assert codec.decode(torch.zeros(2, 1, 0, dtype=torch.int64)).shape == (2, 1, 0)
    assert stereo.encode(torch.zeros(2, 2, 0)) == []


def test_segments_of_codes_that_there_are_not(stereo: SegmentedCodec) -> None:
    segment = stereo.encode(torch.zeros(1, 2, 100))[0]
    with pytest.raises(UsageError, match="code 32 of level 0"):
        stereo.decode([segment._replace(codes=0 * segment.codes + 32)])
    with pytest.raises(UsageError, match="num_samples=-1"):
        stereo.decode([segment], -1)


def test_a_compiled_forward_is_one_graph_with_the_same_result(codec: Codec) -> None:
    """The checks do not break it: shapes are known while compiling, and what depths hold is left alone."""
    wav, depths = torch.randn(2, 1, 960) / 4, torch.tensor([1, 2])
    compiled = torch.compile(codec, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(wav, depths).wav, codec(wav, depths).wav)
