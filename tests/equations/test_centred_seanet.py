"""Convolutions that look as far ahead as back: by computation, at the edges of the signal and at pieces' cuts."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kvant.decoders.seanet import CentredSEANetDecoder
from kvant.encoders.seanet import CentredSEANetEncoder
from kvant.errors import UsageError
from kvant.layers.centred_conv import CentredConv1d, CentredMirroredConv1d, centred_transposed_conv
from kvant.layers.lstm import LSTM
from kvant.layers.seanet import CENTRED, CENTRED_MIRRORED, Convolutions, SEANetConfig
from kvant.streaming import LookAheadChain, Residual, chunked

CONFIG = SEANetConfig(filters=4, strides=(2, 3))


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def convolved(layer: CentredConv1d, padded: Tensor) -> Tensor:
    conv = layer.conv
    return F.conv1d(padded, conv.weight, conv.bias, conv.stride, 0, conv.dilation)


@pytest.mark.parametrize("length", range(30, 36))
@pytest.mark.parametrize(("kernel", "dilation", "stride"), [(7, 1, 1), (3, 4, 1), (4, 1, 2), (6, 1, 3), (10, 1, 5)])
def test_padding_is_split_and_the_end_completed(length: int, kernel: int, dilation: int, stride: int) -> None:
    """An odd one of the padding comes first; outputs are ceil(N / stride)."""
    x, missing = noise(2, 2, length), -length % stride
    padding = (kernel - 1) * dilation - (stride - 1)
    before, after = padding - padding // 2, padding // 2 + missing
    for kind, mode in ((CentredConv1d, "constant"), (CentredMirroredConv1d, "reflect")):
        layer = kind(2, 3, kernel, dilation, stride=stride)
        y = layer(x)
        assert y.shape[-1] == -(-length // stride)
        torch.testing.assert_close(y, convolved(layer, F.pad(x, (before, after), mode)))


def test_what_is_too_short_to_mirror_is_continued_by_silence() -> None:
    layer, x = CentredMirroredConv1d(2, 3, 7), noise(1, 2, 2)
    a, b = x.unbind(-1)
    padded = torch.stack([0 * a, 0 * a, b, a, b, 0 * a, 0 * a, 0 * a], dim=-1)
    torch.testing.assert_close(layer(x), convolved(layer, padded))


def test_kernels_that_leave_gaps_or_have_no_centre_are_refused() -> None:
    with pytest.raises(UsageError, match="kernel of 2 leaves gaps at a stride of 4"):
        CentredConv1d(1, 1, 2, stride=4)
    with pytest.raises(UsageError, match="kernel of 4 has no centre"):
        CentredConv1d(1, 1, 4)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (6, 3), (10, 5), (16, 8)])
def test_transposed_convolution_is_cut_on_both_sides(kernel: int, stride: int) -> None:
    layer, x = centred_transposed_conv(3, 2, kernel, stride), noise(2, 3, 7)
    whole = F.conv_transpose1d(x, layer.weight, layer.bias, stride)
    start = stride - stride // 2
    torch.testing.assert_close(layer(x), whole[..., start : start + 7 * stride])


@pytest.mark.parametrize("convolutions", [CENTRED, CENTRED_MIRRORED], ids=["silence", "mirror"])
@pytest.mark.parametrize("recurrence", [LookAheadChain, lambda: Residual(LSTM(16, 2))], ids=["none", "LSTM"])
class TestSEANet:
    def pair(self, convolutions: Convolutions, recurrence: type) -> tuple[CentredSEANetEncoder, CentredSEANetDecoder]:
        torch.manual_seed(0)
        encoder = CentredSEANetEncoder(CONFIG, 5, recurrence(), convolutions=convolutions)
        return encoder.eval(), CentredSEANetDecoder(CONFIG, 5, recurrence(), convolutions=convolutions).eval()

    @torch.no_grad()
    def test_chunks_are_the_whole_from_the_first_sample_to_the_last(
        self, convolutions: Convolutions, recurrence: type
    ) -> None:
        """Mirrors at the cuts of pieces are dropped, those at the edges of the signal are not."""
        for part, x in zip(self.pair(convolutions, recurrence), (noise(2, 1, 6 * 23), noise(2, 5, 23)), strict=True):
            whole = part(x)
            assert whole.std() > 0.01
            for chunk in (1, 2, 5, 22, 23, 40):
                torch.testing.assert_close(part.in_chunks(x, chunk), whole, rtol=0, atol=1e-6)

    @torch.no_grad()
    def test_chunks_end_as_the_whole_does_within_a_stride(self, convolutions: Convolutions, recurrence: type) -> None:
        """What the last stretch lacks is continued by each layer, and by a mirror that reaches further back."""
        encoder, _ = self.pair(convolutions, recurrence)
        encoder.double()
        for length in (1, 5, 7, 13, 6 * 9 + 1, 6 * 9 + 2, 6 * 9 + 5):
            x = noise(2, 1, length).double()
            for chunk in (1, 2, 5):
                torch.testing.assert_close(encoder.in_chunks(x, chunk), encoder(x), rtol=0, atol=1e-13)
        with pytest.raises(UsageError, match="whole multiples of 6"):
            chunked(LookAheadChain(encoder.before), x, 2)

    @torch.no_grad()
    def test_signals_of_any_length(self, convolutions: Convolutions, recurrence: type) -> None:
        """Also shorter than what a kernel mirrors."""
        encoder, decoder = self.pair(convolutions, recurrence)
        for length in (1, 2, 5, 6, 7, 18, 19):
            latents = encoder(noise(1, 1, length))
            assert latents.shape == (1, 5, -(-length // 6))
            assert decoder(latents).shape[-1] == 6 * latents.shape[-1]


def test_a_field_is_declared_as_the_recurrence_leaves_it() -> None:
    """conv 7; unit 3 and conv 4 at stride 2; unit 3 and conv 6 at stride 3; conv 7: what reaches ahead, each once.

    3 + 1 + 2 + 2 (1 + 3) + 6 3 = 32, back 3 + 1 + 1 + 2 (1 + 2) + 6 3 = 29.
    """
    encoder = CentredSEANetEncoder(CONFIG, 5, LookAheadChain())
    assert encoder.receptive_field == (29, 32, 6)
    recurrent = CentredSEANetEncoder(CONFIG, 5, Residual(LSTM(16, 1)))
    assert recurrent.receptive_field == (float("inf"), 32, 6)
    x = noise(1, 1, 6 * 20)
    with torch.no_grad():
        torch.testing.assert_close(chunked(encoder, x, 3), encoder(x), rtol=0, atol=1e-6)
    with pytest.raises(UsageError, match="leave out chunk"):
        chunked(recurrent, x, 3)
