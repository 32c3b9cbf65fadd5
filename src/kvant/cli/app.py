"""All verbs, the global options, and what holds for every verb.

Verbs import what they need when they run: `kvant --help` loads neither numpy nor onnxruntime, and only `train` and
`export` load torch.
"""

from collections.abc import Callable
from typing import Annotated

import typer
from typer.core import TyperGroup

import kvant
from kvant.cli import bench, data, failures, lab
from kvant.cli.ablate import ablate
from kvant.cli.decode import decode
from kvant.cli.demo import demo
from kvant.cli.doctor import doctor
from kvant.cli.encode import encode
from kvant.cli.eval import eval
from kvant.cli.export import export
from kvant.cli.importing import import_weights
from kvant.cli.info import info
from kvant.cli.models import models
from kvant.cli.roundtrip import roundtrip
from kvant.cli.train import train
from kvant.cli.truncate import truncate
from kvant.cli.verify import verify

_VERBS: tuple[Callable[..., None], ...] = (
    *(encode, decode, roundtrip),
    *(info, verify, truncate),
    *(models, train, doctor, export, eval),
    *(demo, ablate, import_weights),
)


class Verbs(TyperGroup):
    """The verbs; `--debug` counts wherever it stands before a `--`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """As in the base, with `--debug` moved to the front, where it is a global option."""
        end = args.index("--") if "--" in args else len(args)
        own = [argument for argument in args[:end] if argument != "--debug"]
        return super().parse_args(ctx, ["--debug"] * (len(own) < end) + own + args[end:])


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`kvant VERB --help` describes a verb. `-` is standard input or output, `--` ends the options. "
    "Exit codes: 0 fine, 1 damage found, 2 wrong use or unusable audio, 3 model missing or another, "
    "4 an evaluation that measures wrongly, by its own check, or an experiment whose check does not hold.",
)
for _verb in _VERBS:
    app.command()(failures.reported(_verb))
app.add_typer(bench.app, name="bench")
app.add_typer(data.app, name="data")
app.add_typer(lab.app, name="lab")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"kvant {kvant.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Neural audio codecs: compress recordings, look into the files, train and ship models."""
    failures.show_traces.set(debug)
