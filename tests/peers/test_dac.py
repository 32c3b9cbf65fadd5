"""The official Descript Audio Codec's discriminators, weight for weight.

`dac` imports audiotools, which pins what cannot be installed here; its discriminators need one STFT of it, which ours
replaces (`stand_ins`), and only their file is imported. `pip install einops` and `pip install --no-deps
descript-audio-codec`; without them these tests are skipped.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from kvant.discriminators import DACDiscriminator, MultiBandDiscriminator, MultiPeriodDiscriminator
from kvant.discriminators.multi_scale import ScaleDiscriminator
from kvant.protocols import Judgement
from tests.peers import stand_ins
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
SAMPLES = 2 * 3 * 5 * 7 * 11 + 1
"""Not divisible by any period: where it is, DAC mirrors a whole row more."""


@pytest.fixture(scope="module")
def official() -> ModuleType:
    pytest.importorskip("einops")
    package = importlib.util.find_spec("dac")
    if package is None or package.origin is None:
        pytest.skip("descript-audio-codec is not installed")
    spec = importlib.util.spec_from_file_location(
        "dac_discriminator", Path(package.origin).parent / "model" / "discriminator.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in stand_ins.audiotools().items():
            patch.setitem(sys.modules, name, stand_in)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wav() -> Tensor:
    return speech(0.2, batch=2)[..., :SAMPLES]


def load(ours: nn.Module, theirs: nn.Module) -> None:
    """Its names are ours, but that each convolution there is the first of a pair with its activation."""
    ours.load_state_dict(
        {
            name.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): value
            for name, value in theirs.state_dict().items()
        }
    )


def assert_alike(judgement: Judgement, maps: list[Tensor]) -> None:
    """There, the score is the last of the features."""
    for x, y in zip([*judgement.features, judgement.score], maps, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("period", [2, 3, 5, 7, 11])
def test_same_weights_judge_periods_alike(official: ModuleType, wav: Tensor, period: int) -> None:
    torch.manual_seed(0)
    theirs = official.MPD(period)
    (ours,) = MultiPeriodDiscriminator((period,)).discriminators
    load(ours, theirs)
    with torch.no_grad():
        assert_alike(ours(wav), theirs(wav))


@pytest.mark.parametrize("window", [512, 2048])
def test_same_weights_judge_bands_alike(official: ModuleType, wav: Tensor, window: int) -> None:
    torch.manual_seed(0)
    theirs = official.MRD(window)
    (ours,) = MultiBandDiscriminator((window,)).discriminators
    load(ours, theirs)
    with torch.no_grad():
        assert_alike(ours(wav), theirs(wav))


def test_same_weights_judge_a_scale_alike(official: ModuleType, wav: Tensor) -> None:
    """At the full rate; below, DAC resamples where MelGAN averages."""
    torch.manual_seed(0)
    theirs = official.MSD(1)
    ours = ScaleDiscriminator()
    load(ours, theirs)
    with torch.no_grad():
        assert_alike(ours(wav), theirs(wav))


def test_the_whole_discriminator_judges_alike(official: ModuleType, wav: Tensor) -> None:
    """As trained with, levelling included, under its own names; one period and one window, for speed."""
    torch.manual_seed(0)
    theirs = official.Discriminator(periods=[3], fft_sizes=[512])
    ours = DACDiscriminator((3,), (512,))
    load(ours, theirs)
    with torch.no_grad():
        for judgement, maps in zip(ours(0.1 * wav + 0.01), theirs(0.1 * wav + 0.01), strict=True):
            assert_alike(judgement, maps)
