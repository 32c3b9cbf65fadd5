"""c5: levels where they are needed, and none where a frame repeats; all bits counted.

The shipped model gives every frame the same number of levels. Here each frame gets 1, 2, 4 or 8 of them, or none: then
its latents are those of the frame before. The stream says which, as symbols that a range coder with counts that adapt
to the symbol before makes cheap; a decoder needs nothing else.
"""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from kvant.checkpoint import load_codec
from kvant.lab.bench import SAMPLE_RATE, Bench
from kvant.lab.experiment import Check, Experiment, Finding
from kvant.lab.figure import COLOURS, INK
from kvant.lab.variable_depth import CODE_BITS, choices, code, pack, restored, unpack
from kvant.losses import DisturbanceLoss, MelLoss
from kvant.runtime.models import DEFAULT, WEIGHTS, find

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SECONDS = 30.0
RULES = {"constant": "constant rate", "energy": "by energy", "error": "by error", "merging": "by error, merging frames"}
MATERIALS = ("as recorded", "half pauses")
Row = dict[str, float | int | str]


def with_pauses(wav: np.ndarray, seed: int) -> np.ndarray:
    """One side of a conversation: 1 to 4 s of speech, then a pause as long on average, noise as quiet as its pauses."""
    rng = np.random.default_rng(seed)
    frames = wav[: len(wav) // 320 * 320].reshape(-1, 320)
    rms = np.sqrt(np.square(frames).mean(axis=1))
    floor = np.percentile(rms[rms > 1e-6], 5)
    parts = np.split(wav, np.cumsum(rng.uniform(1, 4, size=len(wav) // SAMPLE_RATE) * SAMPLE_RATE).astype(int))
    pauses = [floor * rng.standard_normal(int(rng.uniform(1, 4) * SAMPLE_RATE)) for _ in parts]
    return np.concatenate([each for part, pause in zip(parts, pauses) if len(part) for each in (part, pause)]).astype(
        "f4"
    )


@torch.no_grad()
def measure(material: str, wav: np.ndarray) -> list[Row]:
    """A row for each way of choosing depths: bits of codes and of depths, and how far the wav is from the original."""
    codec = load_codec(find(DEFAULT) / WEIGHTS)
    disturbance, mel = DisturbanceLoss(SAMPLE_RATE), MelLoss(SAMPLE_RATE)
    original = torch.from_numpy(wav)[None, None]
    coded = code(codec, original)
    rows: list[Row] = []
    for rule, parameter, depths in choices(coded):
        side = b"" if rule == "constant" else pack(depths)
        told = depths if rule == "constant" else unpack(side, len(depths))
        decoded = codec.trim(codec.decoder(restored(coded.sums, told).T[None]), len(wav))
        bits = {"codes": CODE_BITS * sum(depths), "depths": 8 * len(side)}
        rate = {f"kbps_{name}": each * SAMPLE_RATE / len(wav) / 1000 for name, each in bits.items()}
        repeated = depths.count(0) / len(depths)
        distances = {"disturbance": float(disturbance(decoded, original)), "mel": float(mel(decoded, original))}
        rows.append(
            {"material": material, "rule": rule, "parameter": parameter, **rate, "repeated": repeated, **distances}
        )
    return rows


def curve(rows: list[Row], material: str, rule: str, distance: str) -> tuple[np.ndarray, np.ndarray]:
    """(distances, kbit/s), both in order of distance; of the energy rule the lower of its two families."""
    chosen = [row for row in rows if row["material"] == material and row["rule"] == rule]
    points = sorted((float(row[distance]), float(row["kbps_codes"]) + float(row["kbps_depths"])) for row in chosen)
    best = [point for place, point in enumerate(points) if all(point[1] < before[1] for before in points[:place])]
    return tuple(np.array(best).T)


def saved(rows: list[Row], material: str, rule: str, distance: str = "disturbance") -> float:
    """Share of the bits that `rule` saves at the distance that 3 kbit/s of constant rate have."""
    target = next(
        float(row[distance])
        for row in rows
        if (row["material"], row["rule"], row["parameter"]) == (material, "constant", 4)
    )
    return 1 - float(np.interp(target, *curve(rows, material, rule, distance))) / 3


def draw(rows: list[Row], figure: "Figure") -> None:
    axes = figure.subplots(1, 2)
    for axis, material in zip(axes, MATERIALS):
        for (rule, label), colour, height in zip(RULES.items(), (INK, *COLOURS), (0.93, 0.87, 0.81, 0.75)):
            distances, rates = curve(rows, material, rule, "disturbance")
            axis.plot(rates, distances, "o-", color=colour, markersize=4)
            axis.text(0.97, height, label, color=colour, ha="right", transform=axis.transAxes)
        axis.set(xlabel="all bits, kbit/s", ylabel="disturbance", xlim=(0, 7.4))
        axis.set_title(f"{material}: {saved(rows, material, 'merging'):.0%} saved at 3 kbit/s")
    figure.suptitle("Bits go where the frames change")


def run(bench: Bench) -> Finding:
    speech = bench.speech("test", SECONDS)
    wavs = (speech, with_pauses(speech, bench.seed))
    rows = [row for material, wav in zip(MATERIALS, wavs) for row in measure(material, wav)]
    gain = {(material, rule): saved(rows, material, rule) for material in MATERIALS for rule in RULES}
    by_mel = saved(rows, MATERIALS[0], "merging", "mel")
    energy, error, merging = (gain["as recorded", rule] for rule in ("energy", "error", "merging"))
    shares = [float(row["kbps_depths"]) / (float(row["kbps_depths"]) + float(row["kbps_codes"])) for row in rows]
    paused = gain["half pauses", "merging"]
    seen = (
        f"Against 3 kbit/s of constant rate, at equal disturbance (loudness differences as PESQ counts them), on "
        f"unheard voices as recorded: depth by energy saves {energy:.0%}, depth by what levels take off the error "
        f"{error:.0%}, and repeating frames as well {merging:.0%}, with the depths' own bits counted (up to "
        f"{max(shares):.0%} of all). Where half the time is pauses it is {paused:.0%}: a pause is one frame, held. The "
        f"literature's quarter is no law: the gain grows with silence and depends on the measure. By log-mel distance, "
        f"which hears the noise of a pause as well as a vowel, it is {by_mel:.0%} on the recordings. The decoder has "
        f"never been trained on such streams."
    )
    checks = (
        Check(
            "depth by error beats depth by energy on plain speech", f"{error:.1%} against {energy:.1%}", error > energy
        ),
        Check("merging adds to it", f"{merging:.1%} against {error:.1%}", merging > error + 0.01),
        Check("together they save 10 to 35 % on plain speech", f"{merging:.1%}", 0.1 < merging < 0.35),
        Check("and over 40 % where half is pauses", f"{paused:.1%}", paused > 0.4),
        Check("by mel distance they save less", f"{by_mel:.1%}", by_mel < merging - 0.05),
        Check("depths take under a fifth of the bits", f"{max(shares):.1%}", max(shares) < 0.2),
    )
    return Finding(rows, partial(draw, rows), seen, checks)


EXPERIMENT = Experiment(
    "c5-variable-rate",
    "Bits go where the frames change",
    "What do a depth for each frame and merged frames save, side information included?",
    run,
    needs_corpus=True,
)
