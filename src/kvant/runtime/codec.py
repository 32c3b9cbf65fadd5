"""A codec to use: wav to codes and back with a model file and onnxruntime, whole or as a stream."""

from functools import cached_property

import numpy as np

from kvant.audio import check_sample_rate, validate
from kvant.bitstream import ABSENT, EntropyModel
from kvant.bitstream.packing import code_width
from kvant.errors import ModelError, UsageError
from kvant.extras import import_extra
from kvant.model_file import ModelFile, decoder_digest, digest
from kvant.runtime.beam import BeamEncoder, residual_codebooks
from kvant.runtime.codes import Codes
from kvant.runtime.entropy import read_entropy_model
from kvant.runtime.feeds import Feed, Half
from kvant.runtime.graph import Graph
from kvant.runtime.models import DECODER_GRAPH, ENCODER_GRAPH
from kvant.runtime.reach import reach_of
from kvant.runtime.search import Search, check_beam, check_refine
from kvant.runtime.streams import DecoderStream, EncoderStream
from kvant.runtime.variable import check_limit, limit_for


class Codec:
    """A model with the verbs encode, decode and their streams. Made by `load`.

    sample_rate, frame_rate: Hz. hop_length, pre_skip, latency: samples at `sample_rate`. codebook_sizes: one per level.
    default_codebooks: levels that a frame has if nobody says how many, all of them unless the model says otherwise.
    slot_strides: latent frames that a code of each level spans, 1 unless the codec has several frame rates.
    model_digest names all weights, decoder_digest what decoding needs.
    """

    segment_frames = segment_stride = 0
    """Frames of a whole segment, and samples from one to the next, of a codec that codes in segments."""

    def __init__(self, model: ModelFile, threads: int) -> None:
        try:
            signal = model.metadata["signal"]
            self.name = model.name
            self.sample_rate = int(signal["sample_rate"])
            self.hop_length = int(signal["hop_length"])
            self.pre_skip = int(signal["pre_skip"])
            self.codebook_sizes = tuple(map(int, signal["codebook_sizes"]))
            self.reach = reach_of(signal)
            self.default_codebooks = int(signal.get("default_codebooks", len(self.codebook_sizes)))
            self.slot_strides = tuple(map(int, signal.get("slot_strides", [1] * len(self.codebook_sizes))))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{model.path}: its metadata lack or garble {error}; save the model again") from error
        self.metadata = model.metadata
        self.model_digest = digest(model.tensors)
        self.decoder_digest = decoder_digest(model.tensors)
        self._quantizer = {name: array for name, array in model.tensors.items() if name.startswith("quantizer.")}
        self._path, self._folder = model.path, model.path.parent
        self._threads = threads

    @property
    def num_codebooks(self) -> int:
        return len(self.codebook_sizes)

    @property
    def frame_rate(self) -> float:
        return self.sample_rate / self.hop_length

    @property
    def latency(self) -> float:
        """Algorithmic latency of streams: hops to fill, a single one unless the codec looks ahead, and the delay."""
        return self.reach.frames * self.hop_length + self.pre_skip

    def streams(self, channels: int) -> int:
        """How many streams of codes that many channels make. UsageError: the codec does not code so many."""
        return channels

    def bitrate(self, num_codebooks: int | None = None) -> float:
        """bit/s of one stream with the first `num_codebooks` levels (default: as coded), no framing."""
        return sum(map(code_width, self.codebook_sizes[: self.check_levels(num_codebooks)])) * self.frame_rate

    def levels(self, bitrate: float) -> int:
        """The most levels that fit into `bitrate` bit/s per channel. UsageError: not even one does."""
        rates = [self.bitrate(k) for k in range(1, self.num_codebooks + 1)]
        fitting = sum(rate <= bitrate * (1 + 1e-9) for rate in rates)
        if not fitting:
            possible = ", ".join(f"{rate / 1000:g}" for rate in rates)
            raise UsageError(f"{bitrate / 1000:g} kbit/s is too low for {self.name}; it has {possible} kbit/s")
        return fitting

    def check_levels(self, num_codebooks: int | None, limit: float | None = None) -> int:
        """`num_codebooks`; for None `default_codebooks`, or all if a limit says how many. UsageError: outside 1..K."""
        if num_codebooks is None:
            return self.default_codebooks if limit is None else self.num_codebooks
        if not 1 <= num_codebooks <= self.num_codebooks:
            raise UsageError(f"{num_codebooks} codebooks asked of {self.name}; it has 1 to {self.num_codebooks}")
        return int(num_codebooks)

    @cached_property
    def encoder(self) -> Graph:
        """wav [B, T, hop], state -> codes [B, K, T], state."""
        return Graph(self._folder / ENCODER_GRAPH, self._threads)

    @cached_property
    def decoder(self) -> Graph:
        """codes [B, k, T], state -> wav [B, T, hop], state; `pre_skip` samples late."""
        return Graph(self._folder / DECODER_GRAPH, self._threads)

    @cached_property
    def entropy_model(self) -> EntropyModel | None:
        """What codes streams of this model, None if its folder holds none."""
        return read_entropy_model(self._folder, self.codebook_sizes)

    @cached_property
    def takes_absent(self) -> bool:
        """Whether an absent code behind another decodes to nothing: then frames may have their own depth."""
        if self.num_codebooks == 1:
            return False
        shallow, deep = np.array([[[0]]]), np.array([[[0], [ABSENT]]])
        expected, wav = (self.decoder.step(codes, self.decoder.initial_state(1))[0] for codes in (shallow, deep))
        return np.array_equal(wav, expected)

    def limit(self, bitrate: float) -> float:
        """Squared error of frames that makes `bitrate` bit/s per channel on average; see `limit_for`."""
        return limit_for(self.metadata, bitrate)

    def encoder_for(self, num_codebooks: int, beam: int, limit: float | None = None) -> Half:
        """wav [B, T, hop], state -> codes [B, k, T], state; a beam chooses `num_codebooks` levels, greedy gives all."""
        if beam == 1 and limit is None:
            return self.encoder
        codebooks = residual_codebooks(self._quantizer, self.codebook_sizes)
        return BeamEncoder(self.encoder, codebooks[:num_codebooks], beam, limit)

    def encoder_stream(
        self,
        sample_rate: int | None = None,
        channels: int = 1,
        num_codebooks: int | None = None,
        beam: int = 1,
        limit: float | None = None,
        refine: int = 0,
    ) -> EncoderStream:
        """A stream that takes wav at `sample_rate` (default the codec's) as it comes and gives codes.

        beam, limit, refine: as for `encode`. Beam and limit look down the levels, not at later frames: latency stays.
        To refine, four seconds are heard first.
        """
        rate = check_sample_rate(sample_rate or self.sample_rate)
        levels = self.check_levels(num_codebooks, limit)
        check_limit(limit)
        search = Search(levels, check_beam(beam), limit, check_refine(refine))
        if refine:
            feed = self.refiner(channels, search)
        else:
            feed = self.reach.encoder_feed(self.encoder_for(levels, beam, limit), channels)
        return EncoderStream(self, rate, channels, levels, feed)

    def refiner(self, channels: int, search: Search) -> Feed:
        """Wav [C, T, hop] -> codes [C, K, T], by way of the decoder. UsageError: torch is missing."""
        refining = import_extra("kvant.refining", "train", "refining codes")
        feed: Feed = refining.refiner(self._path, channels, search, self._threads)
        return feed

    def decoder_stream(self, sample_rate: int | None = None, channels: int = 1) -> DecoderStream:
        """A stream that takes codes as they come and gives wav at `sample_rate` (default the codec's)."""
        return DecoderStream(self, check_sample_rate(sample_rate or self.sample_rate), channels)

    def encode(
        self,
        wav: np.ndarray,
        sample_rate: int,
        num_codebooks: int | None = None,
        beam: int = 1,
        limit: float | None = None,
        refine: int = 0,
    ) -> Codes:
        """Codes of wav [C, N] or [N] at `sample_rate` Hz; each channel is coded alone. Beyond [-1, 1] it is clipped.

        beam: 1 is greedy, each level nearest to what the last left. A wider beam chooses the levels together: slower to
        encode, closer to the recording at the same bitrate, the same to decode. It chooses for `num_codebooks` levels.
        Fewer of them decode as ever, but searching for fewer would have found closer ones.

        limit: of the squared error of a frame's latents. Each frame gets the fewest levels that come below it, 1 to
        `num_codebooks`, and ABSENT codes behind them: bits go where they are needed. `self.limit` knows one for a rate.

        refine: steps in which codes are then moved to what decodes nearest to the recording, as it is heard; 30 are
        good. Far slower to encode, the same to decode; needs torch. See `kvant.refining`.
        """
        wav = validate(wav, sample_rate)
        stream = self.encoder_stream(sample_rate, len(wav), num_codebooks, beam, limit, refine)
        codes = np.concatenate([stream.push(wav), stream.flush()], axis=-1)
        return Codes(codes, sample_rate, wav.shape[1])

    def decode(self, codes: Codes) -> np.ndarray:
        """wav float32 [C, N] of `codes`, at the rate and of the length of the wav they came from."""
        stream = self.decoder_stream(codes.sample_rate, len(codes.codes))
        wav = np.concatenate([stream.push(codes.codes), stream.flush()], axis=-1)
        return wav[:, : codes.num_samples]
