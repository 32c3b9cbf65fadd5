"""Strided, transposed and mirrored convolutions, the LSTM and SEANet against torch's own and direct computation."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.encoders.seanet import SEANetEncoder
from kvant.errors import UsageError
from kvant.layers.conv import CausalConv1d
from kvant.layers.lstm import LSTM
from kvant.layers.mirrored_conv import MirroredConv1d, mirror
from kvant.layers.replicated_conv import ReplicatedConv1d
from kvant.layers.seanet import CAUSAL_MIRRORED, SEANetConfig
from kvant.layers.transposed_conv import CausalTransposedConv1d, as_convolution
from kvant.streaming import Residual, stepwise


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (10, 5), (7, 3), (3, 3)])
def test_strided_frames_end_with_their_stride(kernel: int, stride: int) -> None:
    """Output t is the kernel over the inputs up to (t + 1) stride - 1."""
    layer = CausalConv1d(2, 3, kernel, stride=stride)
    x = noise(2, 2, 4 * stride)
    padded = F.pad(x, (kernel, 0))
    for t, y in enumerate(layer(x).unbind(-1)):
        window = padded[..., (t + 1) * stride : (t + 1) * stride + kernel]
        expected = torch.einsum("bck,ock->bo", window, layer.conv.weight) + layer.conv.bias
        torch.testing.assert_close(y, expected)


def test_blocks_and_kernels_that_do_not_fit_a_stride_are_refused() -> None:
    with pytest.raises(UsageError, match="multiples of the stride 4"):
        CausalConv1d(1, 1, 8, stride=4)(torch.zeros(1, 1, 6))
    with pytest.raises(UsageError, match="leaves gaps"):
        CausalConv1d(1, 1, 2, stride=4)
    with pytest.raises(UsageError, match="multiple of the stride"):
        CausalTransposedConv1d(1, 1, 7, stride=4)
    with pytest.raises(UsageError, match="too short to mirror the end"):
        MirroredConv1d(1, 1, 4, stride=4)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (10, 5), (9, 3), (4, 4)])
def test_transposed_convolution_is_torchs_cut_at_the_end(kernel: int, stride: int) -> None:
    theirs = nn.ConvTranspose1d(3, 2, kernel, stride)
    ours = CausalTransposedConv1d(3, 2, kernel, stride)
    ours.load_state_dict({"conv.weight": as_convolution(theirs.weight.detach(), stride), "bias": theirs.bias.detach()})
    x = noise(2, 3, 7)
    torch.testing.assert_close(ours(x), theirs(x)[..., : 7 * stride])


@pytest.mark.parametrize("groups", [3, 6])
def test_transposed_convolution_of_groups_is_torchs(groups: int) -> None:
    theirs = nn.ConvTranspose1d(6, 12, 4, 2, groups=groups, bias=False)
    ours = CausalTransposedConv1d(6, 12, 4, 2, groups=groups, bias=False)
    ours.load_state_dict({"conv.weight": as_convolution(theirs.weight.detach(), 2, groups)})
    x = noise(2, 6, 7)
    torch.testing.assert_close(ours(x), theirs(x)[..., :14])


class TestReplicatedConvolution:
    def test_is_a_convolution_of_a_signal_that_always_was_as_it_began(self) -> None:
        layer, x = ReplicatedConv1d(2, 3, 4, stride=2, bias=False), noise(2, 2, 20)
        padded = F.pad(x, (2, 0), mode="replicate")
        torch.testing.assert_close(layer(x), F.conv1d(padded, layer.conv.weight, stride=2))

    def test_of_a_constant_is_constant(self) -> None:
        y = ReplicatedConv1d(2, 3, 5, dilation=2)(noise(1, 2, 1).expand(1, 2, 30))
        torch.testing.assert_close(y, y[..., :1].expand_as(y))

    def test_a_stream_that_begins_joins_one_that_goes_on(self) -> None:
        layer, x = ReplicatedConv1d(2, 3, 7), noise(2, 2, 20)
        context, begun = layer.initial_state(2)
        _, (old_context, old_begun) = layer.step(x[:1, :, :10], layer.initial_state(1))
        context[:1], begun[:1] = old_context, old_begun
        together, _ = layer.step(x[..., 10:], (context, begun))
        torch.testing.assert_close(together[:1], layer(x[:1])[..., 10:])
        torch.testing.assert_close(together[1:], layer(x[1:, :, 10:]))


def test_mirror_of_a_line() -> None:
    line = torch.arange(5.0)[None]
    assert mirror(line, 3, 2).tolist() == [[3, 2, 1, 0, 1, 2, 3, 4, 3, 2]]
    assert mirror(line[:, :2] + 1, 3, 0).tolist() == [[0, 0, 2, 1, 2]], "what is too short is continued by silence"
    assert mirror(line[:, :1] + 1, 0, 1).tolist() == [[1, 0]]


class TestMirroredConvolution:
    def test_is_a_convolution_of_the_mirrored_signal(self) -> None:
        layer, x = MirroredConv1d(2, 3, 3, dilation=2), noise(2, 2, 20)
        padded = torch.cat([x[..., 1:5].flip(-1), x], dim=-1)
        torch.testing.assert_close(layer(x), F.conv1d(padded, layer.conv.weight, layer.conv.bias, dilation=2))

    def test_is_the_causal_one_once_the_mirror_is_out_of_reach(self) -> None:
        mirrored, silent, x = MirroredConv1d(2, 3, 7), CausalConv1d(2, 3, 7), noise(1, 2, 20)
        silent.load_state_dict(mirrored.state_dict())
        differs = (mirrored(x) != silent(x)).any(1).flatten()
        assert differs.tolist() == [True] * 6 + [False] * 14

    @pytest.mark.parametrize("length", [33, 34, 35, 36])
    @pytest.mark.parametrize("first", [8, 12])
    def test_end_is_mirrored_up_to_a_whole_stride_in_a_short_block_too(self, length: int, first: int) -> None:
        layer, x = MirroredConv1d(2, 3, 8, stride=4), noise(2, 2, length)
        padded = torch.cat([x[..., 1:5].flip(-1), x, x[..., -4:-1].flip(-1)], dim=-1)
        whole = F.conv1d(padded, layer.conv.weight, layer.conv.bias, stride=4)[..., : -(-length // 4)]
        torch.testing.assert_close(layer(x), whole)
        torch.testing.assert_close(stepwise(layer, x, [first, 32 - first, length - 32]), whole)

    def test_a_first_block_too_short_to_mirror_was_the_whole_signal(self) -> None:
        layer, x = MirroredConv1d(2, 3, 7), noise(1, 2, 20)
        continued = torch.cat([x[..., :4], torch.zeros(1, 2, 3)], dim=-1)
        torch.testing.assert_close(layer(x[..., :4]), layer(continued)[..., :4])
        with pytest.raises(UsageError, match="must hold more than 6 frames of each layer, had 4"):
            stepwise(layer, x, [4, 16])

    def test_nothing_follows_a_block_that_ended_within_a_stride(self) -> None:
        layer, x = MirroredConv1d(2, 3, 8, stride=4), noise(1, 2, 20)
        with pytest.raises(UsageError, match="no multiple of 4 frames has ended this stream"):
            stepwise(layer, x, [10, 10])

    def test_a_stream_that_begins_joins_one_that_goes_on(self) -> None:
        layer, x = MirroredConv1d(2, 3, 7), noise(2, 2, 20)
        context, age = layer.initial_state(2)
        _, (old_context, old_age) = layer.step(x[:1, :, :10], layer.initial_state(1))
        context[:1], age[:1] = old_context, old_age
        together, _ = layer.step(x[..., 10:], (context, age))
        torch.testing.assert_close(together[:1], layer(x[:1])[..., 10:])
        torch.testing.assert_close(together[1:], layer(x[1:, :, 10:]))


def test_lstm_is_the_equations_of_its_cells() -> None:
    """i, f, o = sigmoid, g = tanh of W x + U h + b; c = f c + i g; h = o tanh(c); each layer feeds the next."""
    lstm, x = LSTM(3, layers=2), noise(2, 3, 6)
    frames = x
    for layer in range(2):
        weight, recurrent, bias, more = (
            getattr(lstm.lstm, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        hidden = cell = torch.zeros(2, 3)
        outputs = []
        for frame in frames.unbind(-1):
            i, f, g, o = (frame @ weight.T + hidden @ recurrent.T + bias + more).chunk(4, dim=-1)
            cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
            hidden = o.sigmoid() * cell.tanh()
            outputs.append(hidden)
        frames = torch.stack(outputs, dim=-1)
    torch.testing.assert_close(lstm(x), frames)


def test_the_first_frame_of_a_mirrored_encoder_looks_six_frames_ahead_and_no_other_does() -> None:
    """The last convolution, of kernel 7, mirrors six latents: until then no frame is final; frame 6 looks at itself."""
    torch.manual_seed(0)
    encoder = SEANetEncoder(
        SEANetConfig(filters=2, strides=(2, 3)), 3, Residual(LSTM(8, 1)), convolutions=CAUSAL_MIRRORED
    )
    x = noise(1, 1, 60).requires_grad_()
    latents = encoder(x)
    ahead = []
    for frame in range(latents.shape[-1]):
        (gradient,) = torch.autograd.grad(latents[..., frame].sum(), x, retain_graph=True)
        ahead.append(int(gradient.flatten().nonzero().max()) // 6 - frame)
    assert ahead == [6, 4, 2, 0, 0, 0, 0, 0, 0, 0]
