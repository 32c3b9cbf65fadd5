"""The official EnCodec package's discriminator, weight for weight.

`encodec` imports torchaudio for one spectrogram, which ours replaces here (`stand_ins`). Install it beside it all with
`pip install einops` and `pip install --no-deps encodec`; without it these tests are skipped.
"""

from types import ModuleType

import pytest
import torch

from kvant.discriminators import MSSTFTDiscriminator
from tests.peers import stand_ins
from tests.speech import speech

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")


@pytest.fixture(scope="module")
def official() -> ModuleType:
    return stand_ins.encodec("msstftd")


def test_same_weights_judge_alike(official: ModuleType) -> None:
    """Its names are ours, but that each convolution there is the `conv` of a wrapper."""
    torch.manual_seed(0)
    lengths = [2048, 1024, 512, 256, 128]
    hops = [length // 4 for length in lengths]
    theirs = official.MultiScaleSTFTDiscriminator(4, n_ffts=lengths, hop_lengths=hops, win_lengths=lengths)
    ours = MSSTFTDiscriminator(lengths, channels=4)
    ours.load_state_dict({name.replace(".conv.", "."): value for name, value in theirs.state_dict().items()})
    wav = speech(0.3, batch=2)
    with torch.no_grad():
        scores, features = theirs(wav)
        judgements = ours(wav)
    for judgement, score, activations in zip(judgements, scores, features, strict=True):
        torch.testing.assert_close(judgement.score, score, rtol=1e-5, atol=1e-5)
        for x, y in zip(judgement.features, activations, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-5)


def test_default_sizes_are_the_official_ones(official: ModuleType) -> None:
    """32 channels, at any resolution."""
    theirs = official.DiscriminatorSTFT(32).state_dict()
    ours = MSSTFTDiscriminator((1024,)).state_dict()
    assert sorted(value.shape for value in ours.values()) == sorted(value.shape for value in theirs.values())
