"""Every known codec that is told by its config alone: through transformers' files, and the same codes and wav after."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from kvant.codecs import CODECS
from tests.importing import (
    test_bigcodec,
    test_dac,
    test_encodec,
    test_mimi,
    test_snac,
    test_speechtokenizer,
    test_vocos,
    test_wavtokenizer,
)
from tests.laws.small_codecs import level
from tests.speech import speech

pytest.importorskip("transformers")
hub = pytest.importorskip("kvant.hub")

CONFIGS: dict[str, Any] = {
    "bigcodec": test_bigcodec.TINY,
    "dac": test_dac.TINY,
    "encodec": test_encodec.CONFIG,
    "mimi": test_mimi.TINY.config,
    "snac": test_snac.TINY,
    "speechtokenizer": test_speechtokenizer.TINY,
    "vocos": test_vocos.TINY.config,
    "wavtokenizer": test_wavtokenizer.CONFIG,
}
"""Architecture -> a small config."""


@pytest.mark.parametrize("architecture", CONFIGS)
def test_saved_and_loaded_it_is_the_same(architecture: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = CONFIGS[architecture]
    codec = level(CODECS[architecture][1](config)).eval()
    metadata = {"architecture": architecture, "config": asdict(config), "name": architecture}
    model = hub.KvantAudioTokenizer(hub.KvantConfig.of(codec, metadata)).eval()
    model.codec.load_state_dict(codec.state_dict())
    wav = speech(0.1, sample_rate=16000)
    codes = model.encode(wav).audio_codes
    assert torch.equal(codes, codec.encode(wav))
    assert len(codes.unique()) > 1
    model.save_pretrained(tmp_path)
    again = hub.KvantAudioTokenizer.from_pretrained(tmp_path)
    assert torch.equal(again.encode(wav).audio_codes, codes)
    decoded = model.decode(codes).audio_values
    assert torch.equal(again.decode(codes).audio_values, decoded)
    assert decoded.abs().max() > 1e-3
