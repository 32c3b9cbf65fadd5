"""A codec with the verbs, names and files of an audio tokenizer of transformers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import PreTrainedAudioTokenizerBase

from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.errors import UsageError
from kvant.hub.configuration import KvantConfig
from kvant.hub.outputs import Decoded, Encoded, Heard
from kvant.importing.obtaining import located
from kvant.model_file import read_model_file
from kvant.runtime.models import WEIGHTS


class KvantAudioTokenizer(PreTrainedAudioTokenizerBase):
    """input_values [B, 1, N] at `config.sampling_rate` <-> audio_codes [B, K, T].

    Depth is an argument, as `num_quantizers` or as `bandwidth` in kbit/s; all levels if neither is given. padding_mask
    [B, N] or [B, 1, N] is 1 where there is signal: what it leaves out is taken for silence. What `encode` and `decode`
    return has no gradient, but can be trained on.

    The codec itself is `codec`; transformers' `from_pretrained` and `save_pretrained` keep all of its state. It
    computes in float32, whatever dtype is asked for: rounded latents have other codes.
    """

    config_class = KvantConfig
    base_model_prefix = "kvant"
    main_input_name = "input_values"
    input_modalities = "audio"
    _keep_in_fp32_modules_strict = ("codec",)

    def __init__(self, config: KvantConfig) -> None:
        super().__init__(config)
        # transformers would have it without values, of which some are computed, not loaded, or in half precision
        with torch.device("cpu"), in_float32():
            self.codec = tokenizing(config.build(), config.codec_name)
        self._computed = computed_buffers(self.codec)
        self.post_init()

    @classmethod
    def from_kvant(cls, name_or_path: str) -> "KvantAudioTokenizer":
        """Of a model of Kvant, by name or folder, or of published weights by name: as `kvant.load` finds them."""
        model = located(name_or_path) / WEIGHTS
        codec = tokenizing(load_codec(model), name_or_path)
        tokenizer = cls(KvantConfig.of(codec, read_model_file(model).metadata))
        tokenizer.codec.load_state_dict(codec.state_dict())
        return tokenizer.eval()

    def _init_weights(self, module: nn.Module) -> None:
        """Give a module the buffers that no file holds: transformers asks for it after loading. Weights stay."""
        with torch.no_grad():
            for owner, name, value in self._computed:
                if owner is module:
                    owner.get_buffer(name).copy_(value)

    def encode(
        self,
        input_values: Tensor,
        padding_mask: Tensor | None = None,
        num_quantizers: int | None = None,
        bandwidth: float | None = None,
        return_dict: bool | None = None,
    ) -> Encoded | tuple[Tensor]:
        """Codes [B, K, T]; the first ceil(n / hop_length) of an item of n samples are its own, or all but the last."""
        levels = self.levels(num_quantizers, bandwidth)
        codes = self.codec.encode(masked(input_values, padding_mask), levels).clone()
        return Encoded(codes) if self._as_output(return_dict) else (codes,)

    def decode(
        self, audio_codes: Tensor, padding_mask: Tensor | None = None, return_dict: bool | None = None
    ) -> Decoded | tuple[Tensor]:
        """Samples [B, 1, N] of codes [B, k, T]; N is the length of padding_mask, or all that the frames hold."""
        wav = self.codec.decode(audio_codes, None if padding_mask is None else padding_mask.shape[-1]).clone()
        return Decoded(wav) if self._as_output(return_dict) else (wav,)

    def forward(
        self,
        input_values: Tensor,
        padding_mask: Tensor | None = None,
        num_quantizers: int | None = None,
        bandwidth: float | None = None,
        return_dict: bool | None = None,
    ) -> Heard | tuple[Tensor, Tensor]:
        """Codes, and what they decode to: as long as input_values, with gradient; in training mode as in training."""
        made = self.codec(masked(input_values, padding_mask), self.levels(num_quantizers, bandwidth))
        codes, wav = made.quantized.codes, made.wav
        return Heard(codes, wav) if self._as_output(return_dict) else (codes, wav)

    def levels(self, num_quantizers: int | None, bandwidth: float | None) -> int:
        """How many levels are asked for, of at most `bandwidth` kbit/s. UsageError: none, too many, or both given."""
        rates = self.config.target_bandwidths
        if bandwidth is not None:
            if num_quantizers is not None:
                raise UsageError("num_quantizers and bandwidth are two names of one thing: give one")
            num_quantizers = sum(rate <= bandwidth * (1 + 1e-9) for rate in rates)
            if not num_quantizers:
                raise UsageError(f"bandwidth {bandwidth:g}: the lowest is {rates[0]:g} kbit/s")
        if num_quantizers is None:
            return len(rates)
        if not 1 <= num_quantizers <= len(rates):
            raise UsageError(f"num_quantizers {num_quantizers}: there are 1 to {len(rates)}")
        return num_quantizers

    def _as_output(self, return_dict: bool | None) -> bool:
        return bool(self.config.return_dict if return_dict is None else return_dict)


@contextmanager
def in_float32() -> Iterator[None]:
    """What is built within is of float32."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def tokenizing(codec: Any, name: str) -> Codec:
    """`codec`. UsageError: its codes are no [B, K, T] alone."""
    if not isinstance(codec, Codec):
        raise UsageError(
            f"{name or type(codec).__name__}: gives more than codes [B, K, T]; use kvant.checkpoint.load_codec"
        )
    return codec


def computed_buffers(module: nn.Module) -> list[tuple[nn.Module, str, Tensor]]:
    """(owner, name, value) of the buffers that a state does not have, since they follow from the config."""
    stored = module.state_dict()
    places = [(path.rpartition("."), value) for path, value in module.named_buffers() if path not in stored]
    return [(module.get_submodule(owner), name, value.clone()) for (owner, _, name), value in places]


def masked(input_values: Tensor, padding_mask: Tensor | None) -> Tensor:
    """input_values [B, 1, N] in float32, silent where padding_mask is 0. UsageError: another shape."""
    if input_values.dim() != 3 or input_values.shape[1] != 1:
        raise UsageError(f"input_values of shape {list(input_values.shape)}: must be [B, 1, N]")
    wav = input_values.float()
    return wav if padding_mask is None else wav * padding_mask.reshape(len(wav), 1, -1).float()
