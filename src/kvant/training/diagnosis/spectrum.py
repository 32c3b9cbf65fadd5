"""Faults of the output's spectrum which averages hide: missing bands, tones that nobody played, and a buzz."""

import itertools

import torch
from torch import Tensor

from kvant.layers.bands import band_edges
from kvant.losses.stft import stft

WINDOW, NUM_BANDS = 1024, 24
CONTENT = 1e-7
"""Power a bin below which the reference has no content: -70 dB of full scale."""
HOLE_DB = 10.0
"""A band this much too quiet carries a tenth of its energy: it has in effect gone missing."""
WHISTLE_DB = 10.0
"""A tone some 8 dB above the noise around it counts as prominent (ISO 7779); harmonics that do not move add 2 dB."""
FOLD = 32
"""Windows of so many hops resolve the frame rate in so many bins."""
NEAR, AROUND = 2, 8  # bins: the main lobe of a tone under a Hann window, and the neighbourhood it is judged against


@torch.no_grad()
def hole_measures(estimate: Tensor, reference: Tensor, bandwidth: Tensor, sample_rate: int) -> dict[str, float]:
    """`output/holes`: share of the bands of hearing where the estimate is more than 10 dB too quiet.

    wavs [B, 1, N]; bandwidth [B] Hz, above which a recording says nothing. The difference in dB is averaged over all
    frames in which the reference has content in the band. `output/deepest_hole`: the lowest of these averages, in dB.
    """
    output, truth = (_power(wav) for wav in (estimate, reference))
    bins = truth.shape[1]
    edges = band_edges(bins, NUM_BANDS, sample_rate / 2)
    differences = []
    for low, high in itertools.pairwise(edges):
        wanted, got = (power[:, low:high].mean(1) for power in (truth, output))
        heard = high / bins * sample_rate / 2 <= bandwidth * 1.001
        content = (wanted > CONTENT) & heard[:, None]
        if int(content.sum()) >= 10:
            differences.append(10 * torch.log10((got[content] + 1e-10) / wanted[content]).mean())
    if not differences:
        return {}
    all_bands = torch.stack(differences)
    return {"output/holes": float((all_bands < -HOLE_DB).float().mean()), "output/deepest_hole": float(all_bands.min())}


@torch.no_grad()
def whistle_measures(estimate: Tensor, reference: Tensor, sample_rate: int) -> dict[str, float]:
    """`output/whistles`: number of frequency bins with a steady tone in the estimate that the reference lacks.

    A bin's prominence is its level in dB over the median of its neighbours, averaged over all frames that are not
    silent: harmonics of a voice move from bin to bin and average out, a whistle of the decoder stays. Counted are bins
    at least `WHISTLE_DB` prominent in the estimate, and by as much more than in the reference. `output/whistle_db`:
    the largest excess; `output/whistle_hz`: where.
    """
    output, truth = (_power(wav) for wav in (estimate, reference))
    sounding = truth.mean(1) > CONTENT
    if not bool(sounding.any()):
        return {}
    ours, theirs = (_prominence(power.transpose(1, 2)[sounding]) for power in (output, truth))
    excess = ours - theirs
    counted = torch.minimum(excess, ours) > WHISTLE_DB
    loudest = int(excess.argmax())
    return {
        "output/whistles": float(counted.sum()),
        "output/whistle_db": float(excess.max()),
        "output/whistle_hz": (loudest + AROUND) * sample_rate / WINDOW,
    }


@torch.no_grad()
def buzz_measures(estimate: Tensor, reference: Tensor, hop_length: int) -> dict[str, float]:
    """`output/buzz_db`: how far lines at multiples of the frame rate stand out of the estimate, less of the reference.

    wavs [B, 1, N]. The long-term spectrum in dB between 10 and 80 times the frame rate is folded on the frame rate; its
    ripple is the highest less the lowest of the `FOLD` means. Voices move, and average out. Nothing of wavs shorter
    than `FOLD` hops.
    """
    length = FOLD * hop_length
    if estimate.shape[-1] < length or not bool(reference.any()):
        return {}
    ripples = []
    for wav in (estimate, reference):
        windows = wav[:, 0].unfold(-1, length, length // 2) * torch.hann_window(length, device=wav.device)
        power = torch.fft.rfft(windows).abs().square().flatten(0, -2)
        sounding = power.mean(-1) > 1e-3 * power.mean(-1).max()
        level = 10 * torch.log10(power[sounding].mean(0) + 1e-12)
        fold = level[10 * FOLD : 80 * FOLD].unflatten(0, (-1, FOLD)).mean(0)
        ripples.append(float(fold.max() - fold.min()))
    return {"output/buzz_db": ripples[0] - ripples[1]}


def _power(wav: Tensor) -> Tensor:
    """[B, bins, frames]."""
    spectrum = stft(wav.squeeze(1), WINDOW)
    return spectrum.real.square() + spectrum.imag.square()


def _prominence(power: Tensor) -> Tensor:
    """Mean prominence in dB of bins AROUND .. bins - AROUND of power [frames, bins]."""
    level = 10 * torch.log10(power + 1e-10)
    windows = level.unfold(1, 2 * AROUND + 1, 1)
    beside = torch.cat([windows[..., : AROUND - NEAR], windows[..., AROUND + NEAR + 1 :]], dim=-1)
    return (windows[..., AROUND] - beside.median(-1).values).mean(0)
