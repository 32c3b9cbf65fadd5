"""What is minimised, and who learns how fast."""

import pytest
import torch

from kvant.codec import Codec
from kvant.codecs import frame
from kvant.data import Batch
from kvant.training.config import LossWeights, OptimConfig
from kvant.training.objective import Objective
from kvant.training.optimizers import codec_optimizer
from tests.speech import speech
from tests.torch import small_run
from tests.wide_awake import wake_codec

SIGNAL_LOSSES = ("mel", "loudness", "disturbance", "log_magnitude", "complex_stft")


@pytest.fixture(scope="module")
def codec() -> Codec:
    torch.manual_seed(0)
    return wake_codec(frame.build(small_run.CODEC), seconds=4)


class TestObjective:
    def test_each_loss_is_weighted_by_its_name(self, codec: Codec) -> None:
        weights = LossWeights(mel=2, loudness=3, disturbance=13, log_magnitude=11, complex_stft=5, commitment=7)
        batch = Batch(speech(0.25, batch=2), torch.tensor([12000.0, 8000.0]))
        objective = Objective(weights, 24000)
        losses = objective(codec(batch.wav, 2), batch)
        assert losses.keys() == {*SIGNAL_LOSSES, "commitment"}
        for name, loss in objective.weighted(losses).items():
            torch.testing.assert_close(loss, getattr(weights, name) * losses[name])

    def test_noise_above_a_recordings_band_costs_nothing(self, codec: Codec) -> None:
        """The reference may hold anything above its bandwidth: the losses of the waveform do not see it."""
        wav = speech(0.25)
        above = torch.zeros(1, 1, wav.shape[-1] // 2 + 1)
        above[..., 4000 * wav.shape[-1] // 24000 + 1 :] = 30
        hiss = torch.fft.irfft(above * torch.exp(1j * torch.linspace(0, 999, above.shape[-1])), n=wav.shape[-1])
        objective, reconstruction = Objective(LossWeights(), 24000), codec(wav, 2)
        losses = [objective(reconstruction, Batch(x, torch.tensor([4000.0]))) for x in (wav, wav + hiss)]
        assert hiss.abs().max() > 0.1
        for name, loss in losses[0].items():
            torch.testing.assert_close(losses[1][name], loss, rtol=1e-4, atol=1e-6)


def test_the_optimizer_holds_every_parameter_once_with_the_rates_of_its_config() -> None:
    optim = OptimConfig(transform_scale=0.1, encoder_scale=0.3, weight_decay=0.01)
    codec = frame.build(small_run.CODEC)
    groups = codec_optimizer(codec, optim).param_groups
    rates = {id(p): group["peak"] / optim.learning_rate for group in groups for p in group["params"]}
    settings = {id(p): (rates[id(p)], group["weight_decay"]) for group in groups for p in group["params"]}
    named = dict(codec.named_parameters())
    assert sorted(settings) == sorted(map(id, named.values()))
    assert sum(len(group["params"]) for group in groups) == len(named)
    found = {name: settings[id(parameter)] for name, parameter in named.items()}
    assert found["encoder.klt.basis"] == found["decoder.klt.mean"] == (pytest.approx(0.1), 0)
    assert found["encoder.enter.weight"] == (0.3, 0.01)
    assert found["encoder.enter.bias"] == (0.3, 0)
    assert found["decoder.leave.weight"] == (1, 0.01)
    assert found["decoder.norm.weight"] == (1, 0)
