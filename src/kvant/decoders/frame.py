"""The frame decoder: a classical transform decoder with noise filling, refined by a network that starts at zero."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.layers.context import ContextConfig, context_stack
from kvant.layers.conv import CausalConv1d
from kvant.layers.klt import InverseKLT
from kvant.layers.lapped import LappedSynthesis
from kvant.layers.noise import NoiseCarrier
from kvant.layers.spectral_features import FeatureConfig, SpectralFeatures
from kvant.protocols import State
from kvant.streaming import Causal

NOISE_FILL = 0.3
"""Starting share of the missing amplitude that noise fills: more helps intelligibility, less sounds cleaner."""


class FrameDecoder(Causal):
    """latents [B, D, T] -> wav [B, 1, T * hop], one hop late.

    The KLT gives back coefficients X (0 above the coded bins) and band levels E; a network over past latents gives log
    gains g and amplitudes r of the coded bins, and log gains h of the bands, zero at the start; n is the noise carrier,
    of random signs, and m what X lacks to reach E:

        spectrum = X exp(g) + n (E r + NOISE_FILL m exp(h)).

    What the network adds to a bin has the sign of the carrier. With one of its own it is the same in frame after frame,
    since losses of magnitudes do not ask for one: lines at every multiple of the frame rate, a buzz. `own_sign` decodes
    models that were trained so, with X exp(g) + E r + n NOISE_FILL m exp(h).
    """

    def __init__(
        self, features: FeatureConfig, context: ContextConfig, latent_dim: int, own_sign: bool = False
    ) -> None:
        super().__init__()
        self.own_sign = own_sign
        self.klt = InverseKLT(features.num_features, latent_dim)
        self.features = SpectralFeatures(features)
        self.noise = NoiseCarrier(features.num_bins)
        self.enter = CausalConv1d(latent_dim, context.channels, kernel_size=3)
        self.context = context_stack(context)
        self.norm = nn.LayerNorm(context.channels, eps=1e-5)
        self.outputs = (features.num_coefficients, features.num_coefficients, features.num_bands)
        self.leave = nn.Linear(context.channels, sum(self.outputs))
        self.synthesis = LappedSynthesis(features.num_bins)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def initial_state(self, batch: int) -> State:
        parts = (self.noise, self.enter, self.context, self.synthesis)
        return tuple(part.initial_state(batch) for part in parts)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        noise_state, enter_state, context_state, synthesis_state = state
        noise, noise_state = self.noise.step(x, noise_state)
        hidden, enter_state = self.enter.step(x, enter_state)
        hidden, context_state = self.context.step(hidden, context_state)
        gain, amplitude, noise_gain = self.leave(self.norm(hidden.transpose(1, 2))).split(self.outputs, dim=-1)
        coefficients, missing, envelope = self.features.restore(self.klt(x.transpose(1, 2)))
        coded = coefficients * torch.exp(gain.clamp(max=3))
        filling = NOISE_FILL * missing * self.features.bands.spread(torch.exp(noise_gain.clamp(max=3)))
        uncoded = (0, filling.shape[-1] - gain.shape[-1])
        added = envelope * F.pad(amplitude, uncoded)
        signs = noise.transpose(1, 2)
        spectrum = F.pad(coded, uncoded) + filling * signs + (added if self.own_sign else added * signs)
        wav, synthesis_state = self.synthesis.step(spectrum.transpose(1, 2), synthesis_state)
        return wav, (noise_state, enter_state, context_state, synthesis_state)
