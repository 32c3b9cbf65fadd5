"""Statistics are the same on every rank, and those that one process would have from the whole batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kvant.quantizers import CODEBOOKS as LISTED
from tests.laws import two_ranks

ROOT = Path(__file__).parents[2]
Ranks = list[dict[str, dict[str, Tensor]]]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Ranks:
    """What each of two processes ends with, by codebook class."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-m", "tests.laws.two_ranks"]
    workers = [
        subprocess.Popen([*command, str(rank), "2", str(folder)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    try:
        errors = [worker.communicate(timeout=120)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    for worker, error in zip(workers, errors):
        assert worker.returncode == 0, error[-2000:]
    return [torch.load(folder / f"rank{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("codebook", LISTED)
def test_two_ranks_learn_what_one_process_learns(ranks: Ranks, codebook: type) -> None:
    alone = two_ranks.run(codebook, rank=0, world=1)
    assert int(alone["codebooks.1.steps"]) == int(alone["codebooks.0.steps"]) == two_ranks.STEPS, "whoever uses it"
    for rank in ranks:
        torch.testing.assert_close(rank[codebook.__name__], alone, rtol=1e-5, atol=1e-5)
    for name, tensor in ranks[0][codebook.__name__].items():
        assert torch.equal(tensor, ranks[1][codebook.__name__][name]), f"{name} differs between ranks"


@pytest.mark.parametrize("name", two_ranks.BUILDERS)
def test_quantizers_of_quantizers_learn_alike_on_two_ranks(ranks: Ranks, name: str) -> None:
    alone = two_ranks.run_composite(name, rank=0, world=1)
    for key, tensor in ranks[0][name].items():
        assert torch.equal(tensor, ranks[1][name][key]), f"{key} differs between ranks"
        torch.testing.assert_close(tensor, alone[key], rtol=1e-4, atol=1e-4)
