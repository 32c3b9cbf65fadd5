"""All symptoms the doctor knows, in the order in which they explain each other, and the diagnosis of a run."""

from collections.abc import Sequence

from kvant.training.diagnosis import codebook_symptoms as codebooks
from kvant.training.diagnosis import discriminator_symptoms as discriminators
from kvant.training.diagnosis import learning_symptoms as learning
from kvant.training.diagnosis import signal_symptoms as signals
from kvant.training.diagnosis.records import Record
from kvant.training.diagnosis.symptom import Rule, Symptom

SYMPTOMS: tuple[Rule, ...] = (
    signals.SILENCE,
    learning.NON_FINITE,
    learning.NO_REACH,
    learning.NEGATIVE,
    learning.TOO_FAST,
    learning.EXPLODING,
    learning.RISING,
    learning.STALLED,
    learning.OVERFITTING,
    codebooks.FROZEN,
    codebooks.COLLAPSE,
    codebooks.STARVED_LEVEL,
    codebooks.STALE_CODEBOOK,
    codebooks.RUNAWAY,
    discriminators.TOO_STRONG,
    discriminators.TOO_WEAK,
    signals.CLIPPING,
    signals.SPECTRAL_HOLES,
    signals.WHISTLING,
    signals.BUZZ,
)

STATES: tuple[Rule, ...] = (
    signals.SILENCE,
    learning.NO_REACH,
    codebooks.COLLAPSE,
    codebooks.STARVED_LEVEL,
    codebooks.STALE_CODEBOOK,
    signals.CLIPPING,
    signals.SPECTRAL_HOLES,
    signals.WHISTLING,
    signals.BUZZ,
)
"""Those that look at a state, not at its course: all that a single model can show."""


def diagnose(records: Sequence[Record], rules: Sequence[Rule] = SYMPTOMS) -> list[Symptom]:
    """Every symptom that stands at the end of `records`, in the order of `rules`.

    Records of silent input are left to the rule of silence: what a codec does with nothing says nothing about it.
    """
    telling = [record for record in records if not record.get("input/silent", 0) > signals.SILENT]
    return [symptom for rule in rules for symptom in rule(records if rule is signals.SILENCE else telling)]
