"""Which speakers are kept from training, so that what is measured is a codec's ear for voices it never heard."""

import hashlib
from collections.abc import Iterable

from kvant.data.manifest import Recording
from kvant.errors import UsageError

HeldOut = float | tuple[str, ...]
"""A share of the total length, or the names of speakers."""


def parse_held_out(text: str | None, option: str) -> HeldOut:
    """`0.05`, `5%`, or names with commas between; None is nobody. UsageError: a share that is not from 0 to below 1.

    A number is a share by its point or percent sign, else a name, as those of LibriSpeech's speakers are.
    """
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if len(names) != 1 or not ("." in names[0] or names[0].endswith("%")):
        return names
    try:
        share = float(names[0].removesuffix("%")) / (100 if names[0].endswith("%") else 1)
    except ValueError:
        return names
    if not 0 <= share < 1:
        raise UsageError(f"{option} {text}: a share is from 0 to below 1; or give names of speakers")
    return share


def voice(recording: Recording) -> str:
    """The speaker; a recording without one is taken for a speaker of its own."""
    return recording.speaker or f"file {recording.path}"


def assign(recordings: Iterable[Recording], dev: HeldOut, test: HeldOut, seed: int = 0) -> dict[str, str]:
    """Voice -> `train`, `dev` or `test`, for the usable ones of `recordings`.

    A share is filled with voices in an order that their names and `seed` decide, as long as they fit in; if none does,
    with the shortest one. UsageError: a name nobody has or both sides ask for, or nobody left for training.
    """
    totals: dict[str, float] = {}
    for recording in recordings:
        if recording.usable:
            totals[voice(recording)] = totals.get(voice(recording), 0.0) + recording.duration_s
    if not totals:
        raise UsageError("the manifest has no usable recording; see the summary of kvant data scan")
    splits: dict[str, str] = {}
    for split, held_out in (("test", test), ("dev", dev)):
        for name in held_out if isinstance(held_out, tuple) else ():
            if name not in totals:
                hint = "kvant data scan --labels names them; a share is written as 5% or 0.05"
                raise UsageError(f"--{split}-speakers {name}: nobody of this name; {hint}")
            if splits.setdefault(name, split) != split:
                raise UsageError(f"{name} cannot be in both test and dev; remove it from one of the options")
    for split, held_out in (("test", test), ("dev", dev)):
        if isinstance(held_out, float) and held_out > 0:
            free = {name: length for name, length in totals.items() if name not in splits}
            splits |= dict.fromkeys(_share(free, held_out * sum(totals.values()), seed), split)
    assigned = {name: splits.get(name, "train") for name in totals}
    if "train" not in assigned.values():
        raise UsageError("no speaker is left for training; hold fewer out, or label more with kvant data scan --labels")
    return assigned


def _share(totals: dict[str, float], wanted: float, seed: int) -> list[str]:
    chosen: list[str] = []
    for name in sorted(totals, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()):
        if totals[name] <= wanted:
            chosen.append(name)
            wanted -= totals[name]
    return chosen or sorted(totals, key=lambda name: (totals[name], name))[:1]
