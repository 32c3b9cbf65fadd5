"""What a second of the default frame codec costs: the budget of the LRAC 2025 challenge, track 1, counted by torch."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from kvant.codec import Codec
from kvant.codecs import frame

MAX_TOTAL, MAX_DECODE = 700e6, 300e6


@pytest.fixture(scope="module")
def codec() -> Codec:
    return frame.build(frame.Config()).eval()


def test_a_second_costs_less_than_the_budget(codec: Codec) -> None:
    """FLOPs (two a multiply-add) of encoder and search, and of lookup and decoder, over one second of frames."""
    frames = round(codec.frame_rate)
    wav = torch.zeros(1, 1, frames * codec.hop_length)
    with torch.no_grad(), FlopCounterMode(display=False) as encoding:
        codes, _ = Codec.encode_step.__wrapped__(codec, wav, codec.encoder.initial_state(1))
    with torch.no_grad(), FlopCounterMode(display=False) as decoding:
        Codec.decode_step.__wrapped__(codec, codes, codec.decoder.initial_state(1))
    encode, decode = encoding.get_total_flops(), decoding.get_total_flops()
    print(f"encode {encode / 1e6:.1f} MFLOPS, decode {decode / 1e6:.1f}, together {(encode + decode) / 1e6:.1f}")
    # The counter must have seen the matrices: two ConvNeXt stacks alone are 2 * 4 * 2 * 2 * 256 * 768 * 75.
    assert encode + decode > 2 * 4 * 2 * 2 * 256 * 768 * 75
    assert decode <= MAX_DECODE
    assert encode + decode <= MAX_TOTAL


def test_numbers_of_parameters(codec: Codec) -> None:
    learned = sum(parameter.numel() for parameter in codec.parameters())
    codebooks = sum(book.weight.numel() for book in codec.quantizer.codebooks)
    print(f"{(learned + codebooks) / 1e6:.2f} M parameters, of which codebooks {codebooks / 1e6:.2f} M")
    assert codebooks == 8 * 1024 * 64
    assert 4.0e6 <= learned + codebooks <= 4.8e6


def test_latency_and_bitrates() -> None:
    """26.7 ms, and 0.75 kbit/s a level."""
    config = frame.Config()
    codec = frame.build(frame.Config())
    assert codec.latency == 640
    assert codec.frame_rate == 75
    assert codec.frame_rate * torch.log2(torch.tensor(float(config.codebook_size))).item() == 750
