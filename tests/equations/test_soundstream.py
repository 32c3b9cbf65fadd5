"""SoundStream's shape, as its paper draws it: layers, receptive field, bitrates."""

from dataclasses import replace

import torch
from torch import nn

from kvant.codecs import soundstream
from kvant.layers.transposed_conv import CausalTransposedConv1d

CONFIG = soundstream.Config()


def kernels(half: nn.Module) -> list[tuple[int, int, int, int]]:
    """(out channels, kernel, dilation, stride) of every convolution, in order; those upwards count their phases."""
    found = []
    for module in half.modules():
        if isinstance(module, nn.Conv1d):
            found.append((module.out_channels, module.kernel_size[0], module.dilation[0], module.stride[0]))
    return found


def test_layers_are_the_papers() -> None:
    with torch.device("meta"):
        codec = soundstream.build(CONFIG)
    encoder: list[tuple[int, int, int, int]] = [(32, 7, 1, 1)]
    decoder: list[tuple[int, int, int, int]] = [(512, 7, 1, 1)]
    for channels, stride in ((32, 2), (64, 4), (128, 5), (256, 8)):
        encoder += [layer for d in (1, 3, 9) for layer in ((channels, 7, d, 1), (channels, 1, 1, 1))]
        encoder.append((2 * channels, 2 * stride, 1, stride))
    for channels, stride in ((256, 8), (128, 5), (64, 4), (32, 2)):
        decoder.append((channels * stride, 2, 1, 1))
        decoder += [layer for d in (1, 3, 9) for layer in ((channels, 7, d, 1), (channels, 1, 1, 1))]
    assert kernels(codec.encoder) == [*encoder, (256, 3, 1, 1)]
    assert kernels(codec.decoder) == [*decoder, (1, 7, 1, 1)]
    assert sum(isinstance(module, CausalTransposedConv1d) for module in codec.decoder.modules()) == 4
    assert not any(isinstance(module, nn.LSTM) for module in codec.modules())
    assert (codec.hop_length, codec.latency, codec.frame_rate, codec.num_codebooks) == (320, 320, 75, 24)


def test_a_latent_hears_so_far_back() -> None:
    """The first kernel 6; at each rate the units 6 (1 + 3 + 9) = 78 and a strided kernel s; the last kernel 2."""
    config = replace(CONFIG, seanet=replace(CONFIG.seanet, filters=2), latent_dim=3)
    torch.manual_seed(0)
    encoder = soundstream.build(config).encoder.double()
    rate, reach = 1, 6
    for stride in config.seanet.strides:
        reach += (78 + stride) * rate
        rate *= stride
    reach += 2 * rate
    x = torch.randn(1, 1, 320 * 100, dtype=torch.float64, requires_grad=True)
    encoder(x)[0, :, 90].sum().backward()
    heard = x.grad[0, 0].nonzero()[:, 0]  # type: ignore[index]
    assert int(heard[-1]) == 91 * 320 - 1
    assert int(heard[0]) == 90 * 320 - reach
