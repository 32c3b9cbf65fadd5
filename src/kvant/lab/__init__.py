"""The laboratory: decisive experiments, one file each, minutes on a laptop, with a figure and asserted outcomes.

Importing this loads no torch: the modules of the experiments are imported when they run.
"""

EXPERIMENTS: dict[str, str] = {}
"""Name -> module that sets `EXPERIMENT`, in the order of the report."""

TITLES: dict[str, str] = {}
"""Name -> title, as the experiment itself has it."""
