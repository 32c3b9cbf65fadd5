"""What a run starts from: the closed form, or the weights of another."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from kvant.checkpoint import load_codec
from kvant.codec import Codec
from kvant.errors import ModelError, UsageError
from kvant.training.config import PARTS, StartConfig

STATE = "state.safetensors"


def load_parts(codec: Codec, start: StartConfig) -> list[str]:
    """Fill the parts of `codec` that `start` names from its checkpoint; return the names that did not fit.

    A tensor that the codec lacks is passed over, one of another shape stays as built: both are returned, for the log.
    UsageError: an unknown part, no checkpoint there, or nothing in it that fits.
    """
    unknown = sorted(set(start.parts) - set(PARTS))
    if unknown:
        raise UsageError(f"start.parts={','.join(start.parts)}: no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    source = load_codec(model_of(Path(start.checkpoint))).state_dict()
    target = codec.state_dict()
    wanted = {name: tensor for name, tensor in source.items() if name.split(".")[0] in start.parts}
    fitting = {name: t for name, t in wanted.items() if name in target and target[name].shape == t.shape}
    if not fitting:
        raise UsageError(f"{start.checkpoint}: nothing in it fits this codec; start from a model of its architecture")
    codec.load_state_dict(fitting, strict=False)
    return sorted(wanted.keys() - fitting.keys())


def load_adversary(adversary: nn.Module, checkpoint: Path) -> bool:
    """Fill a discriminator from the state that a run left beside its model, if it left one; whether it did."""
    state = checkpoint / STATE if checkpoint.is_dir() else checkpoint.with_name(STATE)
    if not state.exists():
        return False
    saved: dict[str, Tensor] = {
        name.removeprefix("adversary/"): tensor
        for name, tensor in load_file(state).items()
        if name.startswith("adversary/")
    }
    try:
        adversary.load_state_dict(saved)
    except RuntimeError:
        return False
    return True


def model_of(checkpoint: Path) -> Path:
    """The model file of a run's folder, or the file itself."""
    model = checkpoint / "model.safetensors" if checkpoint.is_dir() else checkpoint
    if not model.is_file():
        raise ModelError(f"{checkpoint}: holds no model.safetensors; name a model file or the folder of a run")
    return model
