"""kvant-voice-24k: Kvant's own codec for speech at 24 kHz, trained on the open recordings of `voice_corpus.py`.

    kvant train recipes/voice_24khz.py corpus=DIR --output RUN [--resume]
"""

from kvant.training.config import TrainingConfig

config = TrainingConfig(
    name="kvant-voice-24k",
    corpus="corpus/voices-24k",
    steps=9000,
    batch_size=8,
)
