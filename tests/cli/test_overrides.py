"""Overrides change a config, and only as its fields allow. No torch."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from kvant.errors import UsageError
from kvant.training.overrides import keys, override


@dataclass(frozen=True)
class Optim:
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.8, 0.99)
    clip: float | None = 1.0
    nesterov: bool = False


@dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Config:
    name: str
    steps: int = 100
    optim: Optim = field(default_factory=Optim)
    codec: Any = field(default_factory=Inner)
    scale: Any = 0.5
    record: dict[str, Any] = field(default_factory=dict)
    hook: type = int


CONFIG = Config("first")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("name=second", Config("second")),
        ("name=", Config("")),
        ("name=a=b", Config("a=b")),
        ("steps=7", Config("first", 7)),
        ("steps=-7", Config("first", -7)),
        ("optim.learning_rate=3e-4", Config("first", optim=Optim(3e-4))),
        ("optim.learning_rate=1", Config("first", optim=Optim(1.0))),
        ("optim.betas=0.5,0.9", Config("first", optim=Optim(betas=(0.5, 0.9)))),
        ("optim.betas=(0.5, 0.9)", Config("first", optim=Optim(betas=(0.5, 0.9)))),
        ("optim.clip=none", Config("first", optim=Optim(clip=None))),
        ("optim.clip=2", Config("first", optim=Optim(clip=2.0))),
        ("optim.nesterov=True", Config("first", optim=Optim(nesterov=True))),
        ("codec.sizes=3", Config("first", codec=Inner((3,)))),
        ("codec.sizes=", Config("first", codec=Inner(()))),
        ("scale=2", Config("first", scale=2.0)),
        ("record.licence=MIT", Config("first", record={"licence": "MIT"})),
        ("record.score=3.5", Config("first", record={"score": 3.5})),
    ],
)
def test_change(change: str, expected: Config) -> None:
    changed = override(CONFIG, [change])
    assert changed == expected
    assert repr(changed) == repr(expected), "1.0 is not 1"


def test_changes_add_up_and_the_last_one_counts() -> None:
    changes = ["steps=1", "record.a=1", "optim.clip=3", "record.b=2", "steps=2"]
    assert override(CONFIG, changes) == Config("first", 2, Optim(clip=3.0), record={"a": 1, "b": 2})
    assert override(CONFIG, []) is CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "stepz=1",
            "stepz: no such key; did you mean steps? the keys are name, steps, optim, codec, scale, record, hook",
        ),
        ("optim.lr=1", "optim.lr: no such key; optim has learning_rate, betas, clip, nesterov"),
        ("optim.learning_rat=1", "did you mean optim.learning_rate?"),
        ("learning_rate=1", "did you mean optim.learning_rate?"),
        ("steps.more=1", "steps.more: no such key"),
        ("codec.sizes.0=1", "codec has sizes"),
        ("steps", "'steps' is no change; write key=value"),
        ("=3", "write key=value"),
        ("steps=1.5", "steps=1.5: must be an integer"),
        ("steps=1e3", "must be an integer"),
        ("steps=", "must be an integer"),
        ("steps=none", "must be an integer"),
        ("optim.learning_rate=fast", "optim.learning_rate=fast: must be a finite number"),
        ("optim.learning_rate=nan", "must be a finite number"),
        ("optim.learning_rate=inf", "must be a finite number"),
        ("optim.betas=0.9", "must be 2 values, such as 1,1"),
        ("optim.betas=0.9,x", "must be a finite number"),
        ("optim.clip=off", "must be a finite number or none"),
        ("optim.nesterov=maybe", "must be true or false"),
        ("codec.sizes=1,b", "must be an integer"),
        ("optim=1", "is a group; it has optim.learning_rate, optim.betas"),
        ("record=1", "give one as record.NAME=VALUE"),
        ("hook=str", "must be set in the recipe"),
    ],
)
def test_error(change: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        override(CONFIG, [change])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_keys() -> None:
    optim = [f"optim.{name}" for name in ("learning_rate", "betas", "clip", "nesterov")]
    assert keys(CONFIG) == ["name", "steps", *optim, "codec.sizes", "scale", "record", "hook"]


@dataclass(frozen=True)
class Plan:
    stages: tuple[Optim, ...] = (Optim(), Optim(learning_rate=1.0))


def test_a_number_leads_to_a_member_of_a_tuple_of_groups() -> None:
    plan = override(Plan(), ["stages.1.clip=none", "stages.0.betas=0,0.5"])
    assert plan == Plan((Optim(betas=(0, 0.5)), Optim(learning_rate=1.0, clip=None)))
    assert "stages.1.nesterov" in keys(plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stages.2.clip=1", "stages has 0, 1"),
        ("stages.x.clip=1", "stages has 0, 1"),
        ("stages.1=3", "is a group; it has stages.1.learning_rate"),
        ("stages.1.clop=1", "did you mean stages.1.clip?"),
    ],
)
def test_a_wrong_way_into_a_tuple_of_groups(change: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        override(Plan(), [change])
    assert message in str(caught.value)
