"""Published weights of a vocoder -> the vocoder. It is no codec, so there is no model file of it."""

from pathlib import Path

from kvant.codecs import vocos_mel
from kvant.codecs.vocos_mel import MelVocoder
from kvant.importing.checkpoint_files import read_checkpoint
from kvant.importing.filling import pour


def load_vocos_mel(checkpoint: Path) -> MelVocoder:
    """The 24 kHz vocoder with the weights of `vocos_mel.PUBLISHED`, in evaluation mode. ModelError: they do not fit."""
    vocoder = vocos_mel.build(vocos_mel.PUBLISHED.config)
    pour(vocos_mel.PUBLISHED, read_checkpoint(checkpoint), vocoder)
    return vocoder.eval()
