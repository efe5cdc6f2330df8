"""How the models use the processor."""

import os


def let_waiting_threads_sleep() -> None:
    """Let a thread of torch that waits for the others sleep; to be called before torch is imported.

    By default it spins, which starves the very threads that it waits for where anything else wants the cores:
    on two busy cores an answer took 1,440 ms with spinning and 75 ms without.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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
