"""Which way imports point: using codecs needs no torch, and no part knows what is built on top of it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvant

ROOT = Path(kvant.__file__).parent
LIGHT = (
    "",
    "errors",
    "extras",
    "files",
    "entropy",
    "model_file",
    "suffixes",
    "audio",
    "bitstream",
    "runtime",
    "loading",
)
"""The numpy side, `kvant` itself included: these import each other and nothing of the tiers. (`loading` asks for torch
by name when a model needs it, as the command line does.)"""
TIERS = (
    ("protocols", "receptive_field"),
    ("pieces",),
    ("streaming",),
    ("layers",),
    ("encoders", "decoders", "heads", "quantizers"),
    ("codec",),
    ("codecs",),
    ("checkpoint",),
    ("export", "importing", "torch_codec"),
    ("hub",),
    ("discriminators", "losses", "data"),
    ("training", "evaluation"),
    ("lab", "ablation", "bench", "refining"),
    ("cli",),
)
"""Each part may import the light ones and those of the tiers before its own: none of its siblings."""

MODULES = {
    ".".join(("kvant", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}
"""Dotted name -> file of every module of the package."""


def nodes(tree: ast.AST, at_import: bool) -> Iterator[ast.AST]:
    """All nodes; with `at_import` only what runs when the module is imported: no functions, no `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        deferred = deferred or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        if not (at_import and deferred):
            yield node
            yield from nodes(node, at_import)


def imports(module: str, at_import: bool = False) -> set[str]:
    """Dotted names of the modules that `module` imports."""
    found = set()
    for node in nodes(ast.parse(MODULES[module].read_text()), at_import):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found


def reached(module: str) -> set[str]:
    """Everything that importing `module` imports, directly or not; packages above a module are imported before it."""
    seen: set[str] = set()
    queue = [module]
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        queue += [".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)]
        if name in MODULES:
            queue += imports(name, at_import=True)
    return seen


def part(module: str) -> str:
    """`kvant.layers.conv` -> `layers`."""
    return [*module.split("."), ""][1]


def tier(name: str) -> int:
    """Height of a part; light ones are below all."""
    if name in LIGHT:
        return -1
    heights = [height for height, tier in enumerate(TIERS) if name in tier]
    assert heights, f"kvant.{name} has no place in the order of tests/test_imports.py: say which parts it may import"
    return heights[0]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_downwards(module: str) -> None:
    own = part(module)
    others = {part(name) for name in imports(module) if name.split(".")[0] == "kvant"} - {own}
    upwards = sorted(other for other in others if tier(other) >= max(tier(own), 0))
    assert not upwards, f"{module} imports {', '.join(upwards)}, which may import it"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if part(name) in (*LIGHT, "cli")))
def test_using_codecs_imports_no_torch(module: str) -> None:
    heavy = {name.split(".")[0] for name in reached(module)} & {
        "torch",
        "onnx",
        "onnxscript",
        "tensorboard",
        "matplotlib",
    }
    assert not heavy, f"importing {module} imports {', '.join(heavy)}"


def loaded_after(statement: str) -> set[str]:
    """Top-level names in sys.modules of a fresh Python that has run `statement`."""
    script = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_kvant_loads_nothing_heavy() -> None:
    assert not loaded_after("import kvant") & {"torch", "onnxruntime", "numpy", "soundfile"}


def test_the_numpy_side_and_the_command_line_import_where_torch_is_missing() -> None:
    names = sorted(name for name in MODULES if part(name) in (*LIGHT, "cli") and not name.endswith("__main__"))
    blocked = "import sys\nsys.modules.update(dict.fromkeys(['torch', 'onnx', 'onnxscript', 'tensorboard']))\n"
    assert "torch" in loaded_after(blocked + f"import {', '.join(names)}\nassert sys.modules['torch'] is None")


def test_parts_do_not_reach_for_what_is_not_theirs() -> None:
    """The rule catches what it should: a fresh sibling import, and torch behind two hops."""
    assert tier("decoders") == tier("encoders")
    assert tier("training") > tier("losses") > tier("codecs") > tier("quantizers") > tier("streaming") > tier("audio")
    assert "torch" in reached("kvant.training.loop")
    assert "kvant.quantizers.codebooks.tracked" in reached("kvant.codecs")
