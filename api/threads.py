"""How the models use the processor."""

import gc
import os
import sys

_OF_TORCH = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "LRU_CACHE_CAPACITY": "32",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
}


def prepare_torch() -> None:
    """Set torch up for many threads and texts of many lengths; to be called before torch is imported.

    A thread of torch that waits for the others sleeps. By default it spins, which starves the very threads
    that it waits for where anything else wants the cores: on two busy cores an answer took 1,440 ms with
    spinning and 75 ms without.

    Of the programs that torch makes, one for each size of a product, each thread keeps the last 32 and all
    together 128. It would be 1,024, with which the memory of a process that answers questions about texts of
    many lengths grows for hours.

    What is set in the environment stands.
    """
    for name, value in _OF_TORCH.items():
        os.environ.setdefault(name, value)


def serve_many_threads() -> None:
    """Make Python fit for many short requests at once, once everything that stays is loaded.

    A thread that waits for the interpreter is let in after half a millisecond, not five: with 16 clients that
    made searches a third faster. And what is loaded by now is looked through for garbage no more; that took
    a fifth of the time of searches.
    """
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()


def set_threads(threads: int | None) -> None:
    """Let torch use so many threads; None is one per core that this process may use."""
    import torch

    torch.set_num_threads(threads or usable_cores())


def usable_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_precision(wanted: str) -> str:
    """`float32` or `bfloat16`; `auto` is bfloat16 where the processor has instructions for it."""
    if wanted != "auto":
        return wanted
    import torch

    return "bfloat16" if torch.cpu._is_avx512_bf16_supported() else "float32"
