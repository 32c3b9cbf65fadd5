"""A beam in the runtime: the same by every road, plainly right, closer to the latents, and refused where impossible."""

import io
from itertools import product

import numpy as np
import pytest

import kvant
from kvant.bitstream import read_codes
from kvant.errors import ModelError, UsageError
from kvant.model_file import read_model_file
from kvant.runtime.beam import BeamEncoder, residual_codebooks, take_least
from kvant.runtime.files import slots
from kvant.runtime.models import WEIGHTS, find
from kvant.runtime.search import MAX_BEAM
from tests.plain_beam import count_beam_ties, plain_beam


@pytest.fixture(scope="module")
def clip(speech: np.ndarray) -> np.ndarray:
    """2.5 seconds of speech [1, N], no whole number of frames."""
    return speech[None, 20_000:80_011]


def books_of(codec: kvant.Codec) -> list[np.ndarray]:
    """The codec's vectors [V, D], level by level."""
    tensors = read_model_file(find(codec.name) / WEIGHTS).tensors
    return [book.astype(np.float32) for book in residual_codebooks(tensors, codec.codebook_sizes)]


def latents_of(codec: kvant.Codec, wav: np.ndarray) -> np.ndarray:
    """[T, D] of wav [1, N]."""
    num_frames = codec.encode(wav, codec.sample_rate, 1).codes.shape[-1]
    padded = np.pad(wav, ((0, 0), (0, num_frames * codec.hop_length - wav.shape[1])))
    hops = padded.reshape(num_frames, codec.hop_length)
    return codec.encoder.step(hops[None], codec.encoder.initial_state(1), "latents")[0][0].T


def error(latents: np.ndarray, codebooks: list[np.ndarray], codes: np.ndarray) -> float:
    """Mean squared error of codes [K, T] for latents [T, D]."""
    return float(np.square(latents - sum(book[level] for book, level in zip(codebooks, codes))).mean())


def assert_same(latents: np.ndarray, books: list[np.ndarray], codes: np.ndarray, others: np.ndarray, beam: int) -> None:
    """Codes [K, T] equal but where rounding decides a near tie."""
    if ties := count_beam_ties(latents, books, codes, others, beam):
        print(f"{ties} near ties in {len(latents)} frames")


class TestSearch:
    def test_it_is_the_search_it_says_it_is(self, codec: kvant.Codec, clip: np.ndarray) -> None:
        latents, books = latents_of(codec, clip)[40:70], books_of(codec)
        plain = np.array([plain_beam(row, books, 3)[0] for row in latents])
        assert_same(latents, books, searcher(books, 3).search(latents).T, plain.T, 3)

    def test_all_sums_are_exhaustive(self) -> None:
        rng = np.random.default_rng(0)
        books = [rng.normal(size=(size, 3)).astype(np.float32) for size in (4, 6, 5)]
        every = np.array(list(product(range(4), range(6), range(5))))
        sums = sum(book[every[:, level]] for level, book in enumerate(books))
        latents = rng.normal(size=(300, 3)).astype(np.float32)
        best = np.square(latents[:, None].astype(float) - sums).sum(-1).argmin(1)
        np.testing.assert_array_equal(searcher(books, 24).search(latents), every[best])
        assert (searcher(books, 1).search(latents) != every[best]).any()

    def test_small_differences_count_beside_large_energies(self) -> None:
        books = [np.array([[1000.0], [900.0]]), np.array([[0.0], [0.01], [0.02]])]
        latents = np.array([[1000.0], [1000.012], [1000.018]], np.float32)
        assert searcher(books, 2).search(latents).tolist() == [[0, 0], [0, 1], [0, 2]]

    def test_the_least_in_order_and_the_first_of_equals(self) -> None:
        candidates = np.array([[3.0, 1, 2, 1], [0, 0, 0, 0], [1e30, -1e30, 3e30, 2e30]], np.float32)
        values, places = take_least(candidates.copy(), 3)
        assert places.tolist() == [[1, 3, 2], [0, 1, 2], [1, 0, 3]]
        np.testing.assert_array_equal(values, np.take_along_axis(candidates, places, axis=1))

    def test_blocks_of_rows_change_nothing(self, codec: kvant.Codec, monkeypatch: pytest.MonkeyPatch) -> None:
        books = books_of(codec)
        latents = np.random.default_rng(1).normal(size=(40, books[0].shape[1])).astype(np.float32)
        whole = searcher(books, 3).search(latents)
        monkeypatch.setattr("kvant.runtime.beam.MAX_SCORES", 3 * 1024 * 7)
        assert_same(latents, books, searcher(books, 3).search(latents).T, whole.T, 3)

    def test_nothing_makes_nothing(self) -> None:
        assert searcher([np.zeros((4, 3)), np.zeros((4, 3))], 2).search(np.zeros((0, 3), np.float32)).shape == (0, 2)


def searcher(codebooks: list[np.ndarray], beam: int) -> BeamEncoder:
    """A search that needs no graph."""
    return BeamEncoder(None, codebooks, beam)  # type: ignore[arg-type]


class TestCodec:
    def test_wider_is_closer_and_one_is_greedy(self, codec: kvant.Codec, clip: np.ndarray) -> None:
        latents, books = latents_of(codec, clip), books_of(codec)
        assert_same(latents, books, searcher(books, 1).search(latents).T, codec.encode(clip, 24000, 12).codes[0], 1)
        for depth in (4, 8):
            errors = [error(latents, books, codec.encode(clip, 24000, depth, beam).codes[0]) for beam in (1, 2, 4, 8)]
            gains = 10 * np.log10(errors[0] / np.array(errors))
            print(f"{depth} levels: {gains.round(2)} dB")
            assert (np.diff(errors) < 0).all()
            assert gains[2] > 0.2

    def test_it_is_chosen_for_the_levels_asked_for(self, codec: kvant.Codec, clip: np.ndarray) -> None:
        latents, books = latents_of(codec, clip), books_of(codec)
        deep = codec.encode(clip, 24000, 8, beam=4).codes[0]
        for depth in (1, 2, 4):
            own = codec.encode(clip, 24000, depth, beam=4).codes[0]
            assert len(own) == depth
            assert error(latents, books, own) < error(latents, books, deep[:depth])

    def test_one_level_has_nothing_to_look_ahead_to(self, codec: kvant.Codec, clip: np.ndarray) -> None:
        np.testing.assert_array_equal(codec.encode(clip, 24000, 1, beam=4).codes, codec.encode(clip, 24000, 1).codes)

    @pytest.mark.parametrize("sizes", [[320], [960], [777, 13, 0, 5000]], ids=str)
    def test_any_chunking_gives_the_whole(self, codec: kvant.Codec, clip: np.ndarray, sizes: list[int]) -> None:
        whole = codec.encode(clip, 24000, 6, beam=4).codes
        stream = codec.encoder_stream(num_codebooks=6, beam=4)
        parts, start, turn = [], 0, 0
        while start < clip.shape[1]:
            parts.append(stream.push(clip[:, start : start + sizes[turn % len(sizes)]]))
            start, turn = start + sizes[turn % len(sizes)], turn + 1
        codes = np.concatenate([*parts, stream.flush()], axis=-1)
        assert_same(latents_of(codec, clip), books_of(codec), codes[0], whole[0], 4)

    def test_a_channel_is_coded_as_if_alone(self, codec: kvant.Codec, clip: np.ndarray) -> None:
        stereo = np.concatenate([clip, 0.3 * clip[:, ::-1]])
        both = codec.encode(stereo, 24000, 5, beam=3).codes
        for channel, codes in zip(stereo, both):
            alone = codec.encode(channel, 24000, 5, beam=3).codes[0]
            assert_same(latents_of(codec, channel[None]), books_of(codec), codes, alone, 3)

    def test_a_stream_is_as_new_after_flush(self, codec: kvant.Codec, clip: np.ndarray) -> None:
        stream = codec.encoder_stream(beam=2)
        first = np.concatenate([stream.push(clip[:, :9000]), stream.flush()], axis=-1)
        again = np.concatenate([stream.push(clip[:, :9000]), stream.flush()], axis=-1)
        np.testing.assert_array_equal(again, first)

    def test_any_decoder_reads_it_and_any_prefix(self, codec: kvant.Codec, clip: np.ndarray) -> None:
        data = kvant.compress(clip, 24000, beam=4)
        header, frame_slots = read_codes(io.BytesIO(data))
        codes = codec.encode(clip, 24000, beam=4)
        np.testing.assert_array_equal(frame_slots, slots(codes.codes))
        assert len(data) == len(kvant.compress(clip, 24000))
        assert header == read_codes(io.BytesIO(kvant.compress(clip, 24000)))[0]
        np.testing.assert_allclose(kvant.decompress(data)[0], codec.decode(codes), atol=1e-6)
        errors = [np.square(codec.decode(codes._replace(codes=codes.codes[:, :k])) - clip).sum() for k in (1, 2, 4, 8)]
        assert errors == sorted(errors, reverse=True)


class TestRefusals:
    @pytest.mark.parametrize("beam", [0, -1, MAX_BEAM + 1])
    def test_impossible_widths(self, codec: kvant.Codec, clip: np.ndarray, beam: int) -> None:
        for use in (lambda: codec.encode(clip, 24000, beam=beam), lambda: codec.encoder_stream(beam=beam)):
            with pytest.raises(UsageError, match="must be 1"):
                use()

    def test_a_graph_from_before_says_to_export_again(
        self, codec: kvant.Codec, clip: np.ndarray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(codec.encoder, "_outputs", [n for n in codec.encoder._outputs if n != "latents"])
        assert codec.encode(clip, 24000).codes.size
        with pytest.raises(ModelError, match=r"encoder\.onnx: gives no latents.*export the model again"):
            codec.encode(clip, 24000, beam=2)

    @pytest.mark.parametrize(
        "tensors",
        [
            {},
            {"quantizer.codebooks.0.weight": np.zeros((8, 3)), "quantizer.codebooks.1.weight": np.zeros((9, 3))},
            {"quantizer.codebooks.0.weight": np.zeros((8, 3)), "quantizer.codebooks.1.weight": np.zeros((8, 2))},
            {"quantizer.codebooks.0.weight": np.zeros(8), "quantizer.codebooks.1.weight": np.zeros((8, 2))},
        ],
        ids=["none", "another size", "another dimension", "no vectors"],
    )
    def test_a_model_without_residual_codebooks(self, tensors: dict[str, np.ndarray]) -> None:
        with pytest.raises(ModelError, match="no residual codebooks"):
            residual_codebooks(tensors, (8, 8))
