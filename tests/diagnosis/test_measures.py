"""Measures against what they must be: known entropies, planted faults, exact gradients."""

import math

import pytest
import torch
from torch import Tensor, nn

from kvant.codec import Codec
from kvant.data import Batch
from kvant.entropy import entropy
from kvant.layers.bands import band_edges
from kvant.protocols import Judgement
from kvant.quantizers import EMACodebook, ResidualQuantizer
from kvant.quantizers.gradients import straight_through
from kvant.training.diagnosis import counting
from kvant.training.diagnosis.balance import balance
from kvant.training.diagnosis.drift import drift
from kvant.training.diagnosis.examination import examine, undisturbed
from kvant.training.diagnosis.gradients import gradient_measures, waveform_distance
from kvant.training.diagnosis.levels import count_codes, residual_measures, usage_measures
from kvant.training.diagnosis.listening import codebooks_of, listening
from kvant.training.diagnosis.movement import CodebookMovement, Movement
from kvant.training.diagnosis.output import level_measures
from kvant.training.diagnosis.spectrum import NUM_BANDS, buzz_measures, hole_measures, whistle_measures
from tests.diagnosis.tiny_run import small_codec
from tests.speech import speech

FULL_BAND = torch.tensor([12000.0] * 4)


class TestCounting:
    def test_the_correction_removes_the_bias_of_a_small_sample(self) -> None:
        """V = 1,024 codes used alike have 10 bits; of n = 4,096 draws the plug-in estimate shows 0.19 less."""
        draws = torch.randint(1024, (4096,), generator=torch.Generator().manual_seed(0))
        counts = torch.bincount(draws, minlength=1024).tolist()
        plug_in = -sum(c / 4096 * math.log2(c / 4096) for c in counts if c)
        assert plug_in == pytest.approx(10 - 0.185, abs=0.02)
        assert entropy(counts) == pytest.approx(10, abs=0.02)

    def test_entropy_is_exact_where_counts_are(self) -> None:
        assert entropy([0, 0, 0]) == 0
        assert entropy([10**9, 10**9, 0, 0]) == pytest.approx(1)
        assert entropy([5, 0]) == 0

    def test_codes_in_equal_use_are_a_perplexity_of_their_number(self) -> None:
        """Whatever the size of the codebook."""
        measures = usage_measures([torch.tensor([10**7] * 4 + [0] * 12)])
        assert measures["level_0/perplexity"] == pytest.approx(4)
        assert measures["level_0/usage"] == 0.25

    def test_a_code_needs_a_tenth_of_the_uniform_share(self) -> None:
        """1,000 wins over 4 codes: 25 count, 24 do not."""
        assert counting.usage([926, 25, 25, 24]) == 0.75
        assert counting.usage([1, 0, 0, 0]) == 0.25

    def test_attainable_is_what_uniform_draws_reach(self) -> None:
        draws = torch.randint(512, (700,), generator=torch.Generator().manual_seed(1))
        assert len(draws.unique()) / 512 == pytest.approx(counting.attainable(700, 512), abs=0.03)


class TestLevels:
    def test_energy_left_by_each_level(self) -> None:
        """Latents 4 and -4; level 0 codes 3 of the 4, level 1 a half more: 1/16 and 1/64 are left."""
        books = [EMACodebook(2, 1), EMACodebook(2, 1)]
        for book, value in zip(books, (3.0, 0.5)):
            book.weight.copy_(torch.tensor([[value], [-value]]))
        quantizer = ResidualQuantizer(books, straight_through, ())
        latents = torch.tensor([[[4.0, -4.0, 4.0]]])
        measures = residual_measures(quantizer, latents, quantizer.encode(latents))
        assert measures["level_0/residual_energy"] == pytest.approx(1 / 16)
        assert measures["level_1/residual_energy"] == pytest.approx(1 / 64)
        assert measures["quantization_snr"] == pytest.approx(10 * math.log10(64), abs=1e-3)
        assert measures["latents/rms"] == pytest.approx(4)

    def test_counts_are_per_level(self) -> None:
        codes = torch.tensor([[[0, 1, 1], [2, 2, 2]]])
        counts = count_codes(codes, (2, 3))
        assert [count.tolist() for count in counts] == [[1, 2], [0, 0, 3]]
        measures = usage_measures(counts)
        assert measures["level_1/usage"] == pytest.approx(1 / 3)
        assert measures["level_1/perplexity"] == 1
        assert measures["level_0/n"] == 3


class TestDrift:
    def points(self) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        codes = torch.randint(8, (20_000,), generator=generator)
        centres = 10 * torch.randn(8, 4, generator=generator)
        return centres[codes] + torch.randn(20_000, 4, generator=generator), codes, centres

    def test_vectors_at_the_means_do_not_drift(self) -> None:
        latents, codes, centres = self.points()
        assert drift(latents, codes, centres) < 0.03

    def test_an_offset_counts_against_the_error_it_makes(self) -> None:
        """Off by 1 in each of 4 dimensions of unit variance: half the error's energy is drift."""
        latents, codes, centres = self.points()
        assert drift(latents, codes, centres + 1) == pytest.approx(math.sqrt(0.5), abs=0.01)

    def test_few_latents_a_cell_are_not_taken_for_drift(self) -> None:
        """Three latents a cell scatter about their mean by a third of the variance; that is no fault of the vectors."""
        generator = torch.Generator().manual_seed(2)
        codes = torch.arange(3000) // 3
        centres = 10 * torch.randn(1000, 4, generator=generator)
        latents = centres[codes] + torch.randn(3000, 4, generator=generator)
        assert drift(latents, codes, centres) < 0.2
        assert drift(latents, codes, centres + 1) == pytest.approx(math.sqrt(0.5), abs=0.05)


class TestGradients:
    def batch(self) -> Batch:
        return Batch(speech(0.25, batch=4), FULL_BAND)

    def test_a_straight_through_copy_passes_all_and_its_lack_nothing(self) -> None:
        codec = small_codec().eval()
        for gradient, expected in ((straight_through, 1.0), (lambda _, quantized: quantized, 0.0)):
            codec.quantizer.gradient = gradient
            measures, _, _ = gradient_measures(codec, self.batch(), waveform_distance)
            assert measures["reach"] == pytest.approx(expected, abs=1e-6)
            assert (measures["gradient/encoder"] > 0) == (expected > 0)

    def test_norms_are_those_of_backward(self) -> None:
        codec, batch = small_codec().eval(), self.batch()
        measures, _, _ = gradient_measures(codec, batch, waveform_distance)
        codec.zero_grad()
        waveform_distance(codec(batch.wav), batch)["squared_error"].backward()
        for part in ("encoder", "decoder"):
            norm = nn.utils.get_total_norm([p.grad for p in getattr(codec, part).parameters() if p.grad is not None])
            assert measures[f"gradient/{part}"] == pytest.approx(float(norm), rel=1e-4)

    def test_the_pull_of_a_loss_is_its_slope_at_the_wav(self) -> None:
        """|d mean(e^2) / d wav| = 2 |e| / n; commitment does not see the wav and pulls at the latents."""
        codec, batch = small_codec().eval(), self.batch()
        measures, reconstruction, _ = gradient_measures(
            codec, batch, lambda r, b: {**waveform_distance(r, b), "commitment": 3 * r.quantized.losses["commitment"]}
        )
        error = reconstruction.wav.detach() - batch.wav
        assert measures["pull/squared_error"] == pytest.approx(2 * float(error.norm()) / error.numel(), rel=1e-5)
        assert measures["pull_latents/commitment"] > 0
        assert "pull/commitment" not in measures

    def test_a_frozen_encoder_is_measured_through(self) -> None:
        codec = small_codec().eval()
        codec.encoder.requires_grad_(False)
        measures, _, _ = gradient_measures(codec, self.batch(), waveform_distance)
        assert measures["reach"] == pytest.approx(1)
        assert "gradient/encoder" not in measures


class TestOutput:
    def test_clipping_counts_samples_beyond_full_scale(self) -> None:
        reference = torch.zeros(2, 1, 100)
        reference[0] = 0.5
        estimate = reference.clone()
        estimate[0, 0, :3] = torch.tensor([1.5, -1.01, 1.0])
        measures = level_measures(estimate, reference)
        assert measures["output/clipped"] == pytest.approx(2 / 200)
        assert measures["input/silent"] == 0.5

    @pytest.mark.parametrize("missing", [0, 1, 3])
    def test_emptied_bands_are_holes(self, missing: int) -> None:
        """Noise, of which some bands of hearing have lost 99 % of their energy."""
        reference = 0.1 * torch.randn(4, 1, 12000, generator=torch.Generator().manual_seed(0))
        spectrum = torch.fft.rfft(reference)
        edges = band_edges(513, NUM_BANDS, 12000)
        for band in range(10, 10 + missing):
            low, high = (round(edge / 513 * spectrum.shape[-1]) for edge in edges[band : band + 2])
            spectrum[..., low:high] *= 0.1
        measures = hole_measures(torch.fft.irfft(spectrum), reference, FULL_BAND, 24000)
        assert measures["output/holes"] == pytest.approx(missing / NUM_BANDS, abs=1e-6)
        assert (measures["output/deepest_hole"] < -10) == (missing > 0)

    def test_above_the_recordings_bandwidth_nothing_can_be_missing(self) -> None:
        reference = 0.1 * torch.randn(4, 1, 12000, generator=torch.Generator().manual_seed(0))
        spectrum = torch.fft.rfft(reference)
        spectrum[..., 2000:] *= 0.01
        muffled = torch.fft.irfft(spectrum)
        assert hole_measures(muffled, reference, FULL_BAND, 24000)["output/holes"] > 0.2
        assert hole_measures(muffled, reference, torch.full((4,), 3900.0), 24000)["output/holes"] == 0

    def test_a_planted_whistle_is_found_where_it_is(self) -> None:
        reference = speech(1.0, batch=4)
        tone = torch.sin(2 * math.pi * 5000 * torch.arange(24000) / 24000)
        hiss = 0.01 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(0))
        measures = whistle_measures(reference + hiss + 0.01 * tone, reference + hiss, 24000)
        assert measures["output/whistles"] >= 1
        assert measures["output/whistle_hz"] == pytest.approx(5000, abs=24)
        assert measures["output/whistle_db"] > 15

    def test_a_tone_that_was_recorded_is_no_whistle(self) -> None:
        reference = speech(1.0, batch=4) + 0.01 * torch.sin(2 * math.pi * 5000 * torch.arange(24000) / 24000)
        hiss = 0.002 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(0))
        assert whistle_measures(reference + hiss, reference, 24000)["output/whistles"] == 0

    def test_lines_at_the_frame_rate_are_a_buzz_and_others_are_not(self) -> None:
        reference = speech(1.0, batch=4) + 0.01 * torch.randn(4, 1, 24000, generator=torch.Generator().manual_seed(0))
        time = torch.arange(24000) / 24000
        lines = [sum(torch.sin(2 * math.pi * rate * k * time + k * k) for k in range(1, 80)) for rate in (75, 61.8)]
        buzz, other = (buzz_measures(reference + 0.002 * each, reference, 320)["output/buzz_db"] for each in lines)
        assert buzz > 5
        assert abs(other) < 2
        assert buzz_measures(reference, reference, 320)["output/buzz_db"] == 0
        assert buzz_measures(reference[..., :6000], reference[..., :6000], 320) == {}

    def test_silence_tells_nothing(self) -> None:
        silence = torch.zeros(4, 1, 6000)
        assert hole_measures(silence, silence, FULL_BAND, 24000) == {}
        assert whistle_measures(silence, silence, 24000) == {}


class TestBalance:
    @pytest.mark.parametrize(("boundary", "accuracy"), [(0.0, 0.75), (0.5, 0.5)])
    def test_accuracy_by_the_boundary_of_the_loss(self, boundary: float, accuracy: float) -> None:
        def judge(wav: Tensor) -> list[Judgement]:
            return [Judgement(wav, [])]

        real, fake = torch.tensor([0.2, 0.4]), torch.tensor([-0.5, 0.1])
        assert balance(judge, fake, real, boundary) == pytest.approx({"real": 0.3, "fake": -0.2, "accuracy": accuracy})


class TestMovement:
    def test_relative_to_where_it_was(self) -> None:
        layer, still = nn.Linear(3, 1, bias=False), nn.Linear(2, 2)
        nn.init.ones_(layer.weight)
        movement = Movement()
        assert movement({"layer": layer, "still": still}) == {}
        nn.init.constant_(layer.weight, 1.5)
        assert movement({"layer": layer, "still": still}) == pytest.approx({"moved/layer": 0.5, "moved/still": 0})

    def test_a_part_that_was_replaced_has_not_moved(self) -> None:
        movement = Movement()
        movement({"judge": nn.Linear(3, 1)})
        assert movement({"judge": nn.Linear(3, 1)}) == {}

    def test_a_revived_code_does_not_make_a_codebook_move(self) -> None:
        codec = small_codec()
        (book, *_), measure = codebooks_of(codec), CodebookMovement()
        with listening(codec) as heard:
            codec.encode(speech(0.5))
        measure(codebooks_of(codec), heard)
        book.replace(torch.arange(book.size) == heard[0].codes[0], torch.ones(1, book.dim))
        assert measure(codebooks_of(codec), heard)["codebook_0/moved"] == 0
        book.weight.mul_(1.1)
        assert measure(codebooks_of(codec), heard)["codebook_0/moved"] > 0.01


def state(codec: Codec) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in codec.state_dict().items()}


class TestExamination:
    def test_it_changes_nothing_of_the_run(self) -> None:
        codec = small_codec()
        codec.decoder.norm.eval()
        modes = [part.training for part in codec.modules()]
        before, random = state(codec), torch.get_rng_state()
        examine(codec, Batch(speech(0.25, batch=4), FULL_BAND), waveform_distance)
        assert all(torch.equal(tensor, before[name]) for name, tensor in codec.state_dict().items())
        assert torch.equal(torch.get_rng_state(), random)
        assert [part.training for part in codec.modules()] == modes
        assert all(parameter.grad is None for parameter in codec.parameters())
        assert all("search" not in vars(book) for book in codebooks_of(codec))

    def test_modes_come_back_after_an_error(self) -> None:
        codec = small_codec()
        with pytest.raises(KeyError), undisturbed(codec):
            raise KeyError
        assert codec.training

    def test_codebooks_are_heard_as_the_codes_say(self) -> None:
        codec = small_codec().eval()
        wav = speech(0.25, batch=2)
        with listening(codec) as heard:
            codes = codec.encode(wav)
        for level in range(3):
            assert torch.equal(heard[level].codes, codes[:, level].reshape(-1))
