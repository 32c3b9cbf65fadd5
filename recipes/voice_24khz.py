"""kvant-voice-24k: Kvant's own codec for speech at 24 kHz, trained on the open recordings of `kvant data fetch voices`.

    kvant train recipes/voice_24khz.py corpus=DIR --output RUN [--resume]
    kvant export RUN/model.safetensors

From the closed-form start everything learns, by losses of spectra, loudness and disturbance.
"""

from kvant.data.voice_sources import LICENCES
from kvant.training.config import Phase, TrainingConfig

TRAINED_ON = ("festvox-ru", "tuxpaint-stamps-default", "fillets-ng-data-cs", "asterisk-core-sounds-fr-g722")
TRAINED_ON += ("asterisk-core-sounds-it-g722", "klettres-data", "gcin-voice")

config = TrainingConfig(
    name="kvant-voice-24k",
    corpus="corpus/voices-24k",
    phases=(Phase(steps=9_000, batch_size=8),),
    record={
        "licence": "CC-BY-SA-4.0",
        "trained_on": {package: LICENCES[package] for package in TRAINED_ON},
        "command": "kvant train recipes/voice_24khz.py corpus=corpus/voices-24k --output RUN",
    },
)
