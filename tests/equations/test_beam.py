"""Beam search: greedy at one end, exhaustive at the other, and as much closer in between as theory's data say."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from kvant.codec import Codec
from kvant.errors import UsageError
from kvant.protocols import LevelledQuantizer, State
from kvant.quantizers import CODEBOOKS, EMACodebook, ResidualQuantizer, VectorQuantizer, beam
from kvant.quantizers.beam import beam_search
from kvant.quantizers.kmeans import kmeans, nearest
from kvant.streaming import Causal
from tests.laws.implementers import CODEBOOKS as CODEBOOK_BUILDERS
from tests.plain_beam import plain_beam

DIM = 8
every_codebook = pytest.mark.parametrize("kind", [k for k in CODEBOOKS if not k.frozen], ids=lambda kind: kind.__name__)


def gaussian(count: int, seed: int, dim: int = DIM) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def quantizer_of(codebooks: list[Tensor], kind: type = EMACodebook) -> ResidualQuantizer:
    built = [CODEBOOK_BUILDERS[kind](*vectors.shape) for vectors in codebooks]
    for codebook, vectors in zip(built, codebooks):
        codebook.replace(torch.ones(len(vectors), dtype=torch.bool), vectors)
    return ResidualQuantizer(built, remedies=()).eval()


def distances(latents: Tensor, codebooks: list[Tensor], codes: Tensor) -> Tensor:
    """[n]: squared error per dimension of codes [n, k] for latents [n, D]."""
    decoded = sum(vectors[level_codes] for vectors, level_codes in zip(codebooks, codes.T))
    return (latents - decoded).square().mean(1)


@pytest.fixture(scope="module")
def codebooks() -> list[Tensor]:
    """4 levels of 64 vectors, each by k-means of what greedy search with those before leaves of a normal source."""
    residuals, books = gaussian(60_000, 0), []
    for level in range(4):
        books.append(kmeans(residuals, 64, 20, torch.Generator().manual_seed(level)))
        residuals = residuals - books[-1][nearest(residuals, books[-1])]
    return books


class TestGaussian:
    """4 times 6 bits for 8 dimensions of a normal source, 3 bits each."""

    def test_distortion_at_each_width(self, codebooks: list[Tensor]) -> None:
        latents = gaussian(10_000, 99)
        found = {
            width: float(distances(latents, codebooks, beam_search(latents, codebooks, width)).mean())
            for width in (1, 2, 4, 8, 16)
        }
        print({width: round(value, 4) for width, value in found.items()})
        assert list(found.values()) == sorted(found.values(), reverse=True)
        for width, expected in ((1, 0.0429), (4, 0.0334), (8, 0.0317)):
            assert found[width] == pytest.approx(expected, rel=0.02)
        assert 10 * math.log10(found[1] / found[8]) == pytest.approx(1.3, abs=0.1)
        # No code of 3 bits a dimension comes closer than Shannon's D(R) = 2^-2R.
        assert found[16] > 2**-6

    def test_what_is_searched_for_a_depth_is_closest_at_that_depth(self, codebooks: list[Tensor]) -> None:
        latents = gaussian(3000, 7)
        deep = beam_search(latents, codebooks, 8)
        for depth in (1, 2, 3):
            own = beam_search(latents, codebooks[:depth], 8)
            prefix = distances(latents, codebooks, deep[:, :depth]).mean()
            assert distances(latents, codebooks, own).mean() < 0.99 * prefix

    def test_it_is_the_search_it_says_it_is(self, codebooks: list[Tensor]) -> None:
        latents = gaussian(60, 3)
        for width in (2, 5):
            codes = beam_search(latents, codebooks, width)
            for row, own in zip(latents, codes):
                plain, gap = plain_beam(row.double().numpy(), [book.double().numpy() for book in codebooks], width)
                assert own.tolist() == plain.tolist() or gap < 1e-5

    def test_blocks_of_rows_change_nothing(self, codebooks: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
        latents = gaussian(500, 5)
        whole = beam_search(latents, codebooks, 4)
        monkeypatch.setattr(beam, "MAX_SCORES", 4 * 64 * 7)
        blocks = beam_search(latents, codebooks, 4)
        torch.testing.assert_close(distances(latents, codebooks, blocks), distances(latents, codebooks, whole))
        assert (blocks == whole).all(1).float().mean() > 0.99


class TestExtremes:
    @every_codebook
    def test_a_beam_of_one_is_greedy(self, codebooks: list[Tensor], kind: type) -> None:
        quantizer = quantizer_of(codebooks, kind)
        latents = gaussian(3000, 11).reshape(3, 1000, DIM).transpose(1, 2)
        for depth in (1, 2, 4):
            assert torch.equal(quantizer.search(latents, depth, 1), quantizer.encode(latents, depth))

    def test_of_equal_vectors_a_beam_of_one_takes_the_first_as_greedy_does(self) -> None:
        books = [torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])] * 2
        latents = gaussian(50, 1, dim=2).T[None]
        quantizer = quantizer_of(books)
        codes = quantizer.search(latents, None, 1)
        assert torch.equal(codes, quantizer.encode(latents))
        assert not (codes % 2).any()

    @pytest.mark.parametrize("sizes", [(5, 5, 5), (3, 7, 4)], ids=str)
    def test_a_beam_of_all_sums_is_exhaustive(self, sizes: tuple[int, ...]) -> None:
        books = [gaussian(size, seed, dim=3) * 0.7**seed for seed, size in enumerate(sizes)]
        every = torch.tensor(list(product(*map(range, sizes))))
        sums = sum(book[every[:, level]] for level, book in enumerate(books))
        latents = gaussian(200, 9, dim=3)
        codes = beam_search(latents, books, len(every) // sizes[-1])
        best = torch.cdist(latents.double(), sums.double()).argmin(1)
        assert torch.equal(codes, every[best])
        greedy = distances(latents, books, beam_search(latents, books, 1))
        assert (distances(latents, books, codes) <= greedy + 1e-7).all()
        assert (distances(latents, books, codes) < 0.9 * greedy).any()

    def test_greedy_falls_into_a_trap_that_a_beam_sees(self) -> None:
        """To code 10 with {8, 5} and then {0.5, 5}: 8 is nearer at first, 5 + 5 is right."""
        books = [torch.tensor([[8.0], [5.0]]), torch.tensor([[0.5], [5.0]])]
        latents = torch.tensor([[10.0]])
        assert beam_search(latents, books, 1).tolist() == [[0, 0]]
        assert beam_search(latents, books, 2).tolist() == [[1, 1]]

    def test_distant_latents_lose_nothing(self) -> None:
        """A later level's differences of 1e-4 count, although what the first contributes is 5e5."""
        books = [torch.tensor([[1000.0], [900.0]]), torch.tensor([[0.0], [0.01], [0.02]])]
        codes = beam_search(torch.tensor([[1000.0], [1000.012], [1000.018]]), books, 2)
        assert codes.tolist() == [[0, 0], [0, 1], [0, 2]]

    def test_no_latents_make_no_codes(self, codebooks: list[Tensor]) -> None:
        assert beam_search(torch.zeros(0, DIM), codebooks, 3).shape == (0, 4)


class TestQuantizer:
    @every_codebook
    def test_every_prefix_decodes(self, codebooks: list[Tensor], kind: type) -> None:
        quantizer = quantizer_of(codebooks, kind)
        latents = gaussian(400, 2).T[None]
        codes = quantizer.encode(latents, beam=4)
        with torch.no_grad():
            errors = [float((latents - quantizer.decode(codes[:, :k])).square().mean()) for k in (1, 2, 3, 4)]
        assert errors == sorted(errors, reverse=True)

    def test_items_are_searched_as_if_alone(self, codebooks: list[Tensor]) -> None:
        quantizer = quantizer_of(codebooks)
        latents = gaussian(120, 2).reshape(3, 40, DIM).transpose(1, 2)
        codes = quantizer.encode(latents, 3, beam=4)
        assert codes.shape == (3, 3, 40)
        for item in range(3):
            assert torch.equal(quantizer.encode(latents[item : item + 1], 3, beam=4), codes[item : item + 1])
        frames = [quantizer.encode(frame, 3, beam=4) for frame in latents.split(1, dim=-1)]
        assert torch.equal(torch.cat(frames, dim=-1), codes)

    @pytest.mark.parametrize("width", [0, -3])
    def test_less_than_one_is_refused(self, codebooks: list[Tensor], width: int) -> None:
        with pytest.raises(UsageError, match="at least 1"):
            quantizer_of(codebooks).encode(gaussian(4, 0).T[None], beam=width)

    def test_without_levels_a_beam_is_refused_and_not_ignored(self) -> None:
        quantizer = VectorQuantizer(EMACodebook(16, 4))
        codec = Codec(Reshaped(), quantizer, Reshaped(), sample_rate=16, hop_length=4, pre_skip=0).eval()
        wav = gaussian(1, 0, dim=40)[None]
        assert codec.encode(wav, beam=1).shape == (1, 1, 10)
        with pytest.raises(UsageError, match="VectorQuantizer has no levels"):
            codec.encode(wav, beam=2)
        assert not isinstance(quantizer, LevelledQuantizer)


class Reshaped(Causal):
    """wav [B, 1, 4 T] as latents [B, 4, T]."""

    def initial_state(self, batch: int) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x.unflatten(-1, (-1, 4))[:, 0].transpose(1, 2), state
