"""The frame encoder: a classical transform coder's features, plus a network over past context that starts at zero."""

import torch
from torch import Tensor, nn

from kvant.layers.context import ContextConfig, context_stack
from kvant.layers.klt import KLT
from kvant.layers.lapped import LappedAnalysis
from kvant.layers.spectral_features import FeatureConfig, SpectralFeatures
from kvant.protocols import State
from kvant.streaming import Causal


class FrameEncoder(Causal):
    """wav [B, 1, T * hop] -> latents [B, D, T]: KLT(features(frame)) + network(compressed spectra so far)."""

    def __init__(self, features: FeatureConfig, context: ContextConfig, latent_dim: int) -> None:
        super().__init__()
        self.exponent = features.exponent
        self.analysis = LappedAnalysis(features.num_bins)
        self.features = SpectralFeatures(features)
        self.klt = KLT(features.num_features, latent_dim)
        self.enter = nn.Linear(2 * features.num_bins, context.channels)
        self.context = context_stack(context)
        self.norm = nn.LayerNorm(context.channels, eps=1e-5)
        self.leave = nn.Linear(context.channels, latent_dim)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def initial_state(self, batch: int) -> State:
        return self.analysis.initial_state(batch), self.context.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        analysis_state, context_state = state
        spectra, analysis_state = self.analysis.step(x, analysis_state)
        spectra = spectra.transpose(1, 2)
        classical = self.klt(self.features(spectra))
        mdct, mdst = spectra.chunk(2, dim=-1)
        magnitude = torch.sqrt(mdct**2 + mdst**2 + 1e-10)
        hidden = self.enter(spectra * magnitude.pow(self.exponent - 1).repeat(1, 1, 2))
        hidden, context_state = self.context.step(hidden.transpose(1, 2), context_state)
        learned = self.leave(self.norm(hidden.transpose(1, 2)))
        return (classical + learned).transpose(1, 2), (analysis_state, context_state)
