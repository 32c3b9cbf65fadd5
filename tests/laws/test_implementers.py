"""Nothing escapes the laws: every listed implementer has a builder in `implementers.py`."""

from kvant.discriminators import DISCRIMINATORS
from kvant.losses import LOSSES
from kvant.quantizers import CODEBOOKS, QUANTIZERS
from kvant.quantizers.penalties import PENALTIES
from kvant.quantizers.remedies import REMEDIES
from tests.laws import implementers
from tests.laws.composites import COMPOSITES


def test_every_implementer_has_a_builder() -> None:
    unbuilt = [
        *implementers.missing(implementers.causal_classes(), implementers.CAUSAL),
        *implementers.missing(CODEBOOKS, implementers.CODEBOOKS),
        *implementers.missing(QUANTIZERS, {**implementers.QUANTIZERS, **COMPOSITES}),
        *implementers.missing(REMEDIES, implementers.REMEDIES),
        *implementers.missing(PENALTIES, implementers.PENALTIES),
        *implementers.missing(LOSSES, implementers.LOSSES),
        *implementers.missing(DISCRIMINATORS, implementers.DISCRIMINATORS),
    ]
    assert not unbuilt, f"no builder in tests/laws/implementers.py for {', '.join(unbuilt)}: no law is run over them"
