"""What a run starts from: the closed form, or the weights of another."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from kvant.checkpoint import load_codec, statistics
from kvant.codec import Codec
from kvant.errors import ModelError, UsageError
from kvant.quantizers import TrackedCodebook
from kvant.runtime.models import WEIGHTS, find
from kvant.training.config import PARTS, StartConfig
from kvant.training.run_state import below

STATE = "state.safetensors"


def load_parts(codec: Codec, start: StartConfig) -> list[str]:
    """Fill the parts of `codec` that `start` names from its checkpoint; return the names that did not fit.

    A tensor that the codec lacks is passed over, one of another shape stays as built: both are returned, for the log.
    Codebooks come with their statistics or not at all. UsageError: an unknown part, or nothing there that fits.
    ModelError: no model there.
    """
    unknown = sorted(set(start.parts) - set(PARTS))
    if unknown or not start.parts:
        named = f"no part {unknown[0]!r}" if unknown else "no part"
        raise UsageError(f"start.parts={','.join(start.parts)}: {named}; there are {', '.join(PARTS)}")
    source = load_codec(model_of(start.checkpoint)).state_dict()
    target = codec.state_dict()
    counted = statistics(codec)
    wanted = {name: tensor for name, tensor in source.items() if name.split(".")[0] in start.parts}
    fits = {name for name, tensor in wanted.items() if name in target and target[name].shape == tensor.shape}
    fits -= {name for name in counted if f"{name.rpartition('.')[0]}.weight" not in fits}
    if not fits & learnt(codec):
        what = " or ".join(start.parts)
        raise UsageError(f"{start.checkpoint}: no {what} in it fits this codec; start from a model of its architecture")
    codec.load_state_dict({name: wanted[name] for name in fits}, strict=False)
    return sorted(wanted.keys() - fits - counted)


def learnt(codec: Codec) -> set[str]:
    """Names of what training moves: parameters and codebooks, but no fixed transforms."""
    books = {f"{name}.weight" for name, module in codec.named_modules() if isinstance(module, TrackedCodebook)}
    return books | {name for name, _ in codec.named_parameters()}


def load_adversary(adversary: nn.Module, start: StartConfig) -> bool:
    """Fill a discriminator from the state that a run left beside its model, if it left one of its kind; whether it did.

    ModelError: a state that cannot be read.
    """
    state = model_of(start.checkpoint).with_name(STATE)
    if not state.exists():
        return False
    try:
        adversary.load_state_dict(below(load_file(state), "adversary/"))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{state}: not a readable training state ({error}); remove it to start without") from error
    except RuntimeError:
        return False
    return True


def model_of(checkpoint: str) -> Path:
    """The file itself, or the model in the folder of a run, or a shipped model by name. ModelError: none there."""
    return Path(checkpoint) if Path(checkpoint).is_file() else find(checkpoint) / WEIGHTS
