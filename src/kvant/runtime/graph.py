"""One ONNX step function: a block and a state in, a block and the next state out."""

from pathlib import Path

import numpy as np
import onnxruntime

from kvant.errors import ModelError
from kvant.model_file import LAYOUT_KEY, layout_digest, read_layout
from kvant.runtime.models import WEIGHTS

State = tuple[np.ndarray, ...]


class Graph:
    """A graph of `kvant.export`: block and state in, blocks and next state (`..._next`) out; states begin at zero."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads that spin while waiting slow everything else on the machine down, and here gain little.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no other base
            raise ModelError(f"{path}: onnxruntime cannot load this graph ({error}); export the model again") from error
        made_for = self._session.get_modelmeta().custom_metadata_map.get(LAYOUT_KEY)
        if made_for != layout_digest(read_layout(path.with_name(WEIGHTS))):
            raise ModelError(f"{path}: made for a {WEIGHTS} that is laid out otherwise; export the model again")
        self._path = path
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        self._next = [name for name in self._outputs if name.endswith("_next")]
        kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
        self._state = [(entry.shape[1:], kinds[entry.type]) for entry in self._session.get_inputs()[1:]]

    def initial_state(self, batch: int) -> State:
        """The state before the first frame of `batch` streams."""
        return tuple(np.zeros((batch, *shape), kind) for shape, kind in self._state)

    def step(self, block: np.ndarray, state: State, output: str | None = None) -> tuple[np.ndarray, State]:
        """Run one block; keep the returned state for the next. `output`: which block to give, the first by default.

        ModelError: the graph has no such output.
        """
        if output is not None and output not in self._outputs:
            raise ModelError(f"{self._path}: gives no {output}, which a beam needs; export the model again")
        wanted = [output or self._outputs[0], *self._next]
        block, *following = self._session.run(wanted, dict(zip(self._inputs, (block, *state), strict=True)))
        return block, tuple(following)
