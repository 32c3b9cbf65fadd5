"""The command line: `kvant VERB`, one file per verb."""

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started us: the next file opened would take its place
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file's name may not fit the terminal's encoding
    try:
        from kvant.cli.app import app

        app(prog_name="kvant")
    except KeyboardInterrupt:  # outside of any verb, such as while modules are imported
        sys.exit(130)
