"""Settings of torch that hold for a whole process, for as long as a run lasts."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def torch_settings(seed: int, threads: int) -> Iterator[None]:
    """A seed, a number of threads, denormal numbers as zeros; afterwards all is as it was before, random numbers too.

    (Filters that ring out into denormal numbers would be many times slower.)
    """
    before, flushed = torch.get_num_threads(), flushes_denormals()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            torch.set_flush_denormal(flushed)


def flushes_denormals() -> bool:
    """Whether half of the least normal number is zero here, of which torch keeps no record."""
    return not bool(torch.full((), torch.finfo(torch.float32).tiny) / 2)
