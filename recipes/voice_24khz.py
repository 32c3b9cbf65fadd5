"""kvant-voice-24k: Kvant's own codec for speech at 24 kHz, trained on the open recordings of `kvant data fetch voices`.

    kvant train recipes/voice_24khz.py corpus=DIR --output RUN [--resume]
    kvant export RUN/model.safetensors

From the closed-form start: first everything learns, by losses of spectra, loudness and disturbance; then encoder and
codes stand still, and the decoder learns to pass for real.
"""

from kvant.data.voice_sources import LICENCES
from kvant.training.config import AdversaryConfig, OptimConfig, Phase, TrainingConfig

TRAINED_ON = ("festvox-ru", "tuxpaint-stamps-default", "fillets-ng-data-cs", "asterisk-core-sounds-fr-g722")
TRAINED_ON += ("asterisk-core-sounds-it-g722", "klettres-data", "gcin-voice")

signal_losses = Phase(steps=9_000, batch_size=8)
adversarial = Phase(
    steps=1_200,
    trains=("decoder",),
    adversary=AdversaryConfig(),
    batch_size=8,
    seconds=0.5,
    optim=OptimConfig(learning_rate=2e-4, warmup_steps=100),
)

config = TrainingConfig(
    name="kvant-voice-24k",
    corpus="corpus/voices-24k",
    phases=(signal_losses, adversarial),
    record={
        "licence": "CC-BY-SA-4.0",
        "trained_on": {package: LICENCES[package] for package in TRAINED_ON},
        "command": "kvant train recipes/voice_24khz.py corpus=corpus/voices-24k --output RUN",
    },
)
