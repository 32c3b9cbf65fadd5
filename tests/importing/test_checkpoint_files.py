"""Checkpoint files: what is read, and what is refused without running anything in it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kvant.errors import ModelError
from kvant.importing.checkpoint_files import read_checkpoint

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def same(state: dict[str, torch.Tensor]) -> bool:
    return state.keys() == STATE.keys() and all(torch.equal(state[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"state_dict": STATE, "metadata": {"kwargs": {"rates": [2, 4]}}},
        {"best_state": {"model": STATE}},
    ],
    ids=["bare", "beside a count", "beside metadata", "nested"],
)
def test_states_come_out_of_their_containers(content: dict, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    assert same(read_checkpoint(tmp_path / "weights.pth"))


def test_states_beside_each_other_that_make_one_model_are_joined(tmp_path: Path) -> None:
    torch.save({"CodecEnc": STATE, "generator": STATE, "discriminator": {"x": 1}, "step": 3}, tmp_path / "both.pt")
    both = read_checkpoint(tmp_path / "both.pt")
    for part in ("CodecEnc", "generator"):
        assert same({name.removeprefix(f"{part}."): both[name] for name in both if name.startswith(part)})
    assert len(both) == 2 * len(STATE)


def test_safetensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "model.safetensors")
    assert same(read_checkpoint(tmp_path / "model.safetensors"))


class Hostile:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"state_dict": STATE, "hook": Hostile(trace)}, tmp_path / "hostile.th")
    with pytest.raises(ModelError, match="holds more than tensors"):
        read_checkpoint(tmp_path / "hostile.th")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds no tensors by name"),
        ({}, "holds no tensors by name"),
        ({**STATE, "epoch": 3, "loss": 0.5}, "epoch, loss: not tensors"),
    ],
)
def test_what_is_no_state_is_refused(content: object, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=message):
        read_checkpoint(tmp_path / "weights.pth")


@pytest.mark.parametrize("name", ["cut.th", "cut.safetensors"])
def test_a_cut_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    whole = tmp_path / f"whole.{name}"
    save_file(STATE, whole) if name.endswith("safetensors") else torch.save(STATE, whole)
    (tmp_path / name).write_bytes(whole.read_bytes()[:-20])
    with pytest.raises(ModelError, match=name):
        read_checkpoint(tmp_path / name)
    with pytest.raises(ModelError, match="no such checkpoint"):
        read_checkpoint(tmp_path / f"missing-{name}")


@pytest.mark.parametrize(
    "content",
    [
        *(b"hello world", b"Not Found", b"\n<html><head></head></html>", b"\x80\x05.", b"PK\x03\x04" + b"0" * 100),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        b"",
    ],
    ids=lambda content: content[:8],
)
@pytest.mark.parametrize("name", ["page.pth", "page.safetensors"])
def test_what_was_saved_in_place_of_a_checkpoint(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        read_checkpoint(tmp_path / name)
