"""Which conventional codecs to compare with, as users name them: `opus:12,8,6`."""

from collections.abc import Callable, Sequence

from kvant.errors import UsageError
from kvant.evaluation.baselines import Codec2, Opus
from kvant.evaluation.speex import Speex
from kvant.evaluation.system import System

DEFAULT = ("opus:12,8,6", "codec2:3200,1600", "speex:8,4")
CODEC2_MODES = (3200, 2400, 1600, 1400, 1300, 1200, 700)

_KINDS: dict[str, tuple[str, Callable[[int], System], float, float, int]] = {
    # name: title, maker, least and greatest rate as written, bit/s of the unit it is written in
    "opus": ("Opus", Opus, 6, 510, 1000),
    "codec2": ("Codec2", Codec2, min(CODEC2_MODES), max(CODEC2_MODES), 1),
    "speex": ("Speex", Speex, 2.15, 24.6, 1000),
}


def comparisons(specs: Sequence[str] | None) -> tuple[dict[str, System], list[str]]:
    """The systems named by `specs`, by title, and notes on what is left out; None stands for all that is installed.

    A spec is `opus:KBPS,...`, `speex:KBPS,...`, `codec2:MODE,...` (bit/s), several apart by spaces, or `none`.
    UsageError: another spec, an impossible rate, or what is asked for is not installed.
    """
    systems: dict[str, System] = {}
    notes: list[str] = []
    for spec in DEFAULT if specs is None else " ".join(specs).split():
        if spec == "none":
            continue
        try:
            systems |= _systems(spec)
        except UsageError as error:
            if specs is not None:
                raise
            notes.append(f"without {spec.partition(':')[0]}: {error}")
    return systems, notes


def _systems(spec: str) -> dict[str, System]:
    name, _, rates = spec.partition(":")
    if name not in _KINDS or not rates:
        raise UsageError(f"{spec!r}: no baseline; give such as opus:12,8,6 codec2:3200,1600 speex:8,4, or none")
    title, make, least, greatest, unit = _KINDS[name]
    systems = {}
    for text in rates.split(","):
        try:
            rate = float(text)
        except ValueError:
            raise UsageError(f"{spec!r}: {text!r} is not a rate") from None
        if name == "codec2" and rate not in CODEC2_MODES:
            raise UsageError(f"{spec!r}: Codec2 has the modes {', '.join(map(str, CODEC2_MODES))} bit/s")
        if not least <= rate <= greatest:
            raise UsageError(f"{spec!r}: {title} codes speech at {least:g} to {greatest:g} kbit/s")
        systems[f"{title} {rate:g}"] = make(round(unit * rate))
    return systems
