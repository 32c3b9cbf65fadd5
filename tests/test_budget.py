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


@pytest.mark.parametrize(("beam", "megaflops"), [(4, 206.4), (8, 481.7)])
def test_what_a_beam_adds(codec: Codec, beam: int, megaflops: float) -> None:
    """Level 1 searches once, each of the 7 others once for every sum: (beam - 1) 7 V D multiply-adds a frame more.

    The challenge's budget holds for greedy search. In the runtime the graph's own greedy search is done and not used.
    """
    frames = round(codec.frame_rate)
    latents = torch.randn(1, 64, frames, generator=torch.Generator().manual_seed(0))
    counted = []
    for width in (1, beam):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            codec.quantizer.search(latents, None, width)
        counted.append(counter.get_total_flops())
    print(f"beam {beam}: {counted[1] / 1e6:.1f} MFLOPS to search, greedy {counted[0] / 1e6:.1f}")
    assert counted[1] - counted[0] == 2 * frames * 7 * (beam - 1) * 1024 * 64
    assert (counted[1] - counted[0]) / 1e6 == pytest.approx(megaflops, abs=0.1)


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
