"""Search on an NVIDIA device, where faiss-gpu is installed and a device is there."""

import logging
from functools import cache
from typing import Any

import faiss

logger = logging.getLogger(__name__)

MAX_K = 2048
"""How many results FAISS gives for a query on a device."""


class Device:
    """An NVIDIA device that indexes can be copied to."""

    def __init__(self, number: int = 0) -> None:
        wrapped: Any = faiss
        self._number = number
        self._resources = wrapped.StandardGpuResources()

    def copy(self, index: Any) -> Any:
        """Return a copy of an index on the device.

        Raises:
            RuntimeError: there is no memory for it, or FAISS has no such index there.
        """
        wrapped: Any = faiss
        return wrapped.index_cpu_to_gpu(self._resources, self._number, index)


def find_device(wanted: str) -> Device | None:
    """Return the device to search on, None: the processor.

    Args:
        wanted: "cpu"; "gpu"; or "auto", which is the device if there is one.
    """
    if wanted == "cpu":
        return None
    device = _first_device()
    if device is None and wanted == "gpu":
        logger.warning("vectors are searched on the processor: there is no faiss-gpu, or no NVIDIA device")
    return device


def copy_or_fall_back(device: Device, index: Any, what: str) -> Any | None:
    """Return a copy of an index on the device; None, with a line in the log, where it does not get there."""
    try:
        return device.copy(index)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][-200:]
        logger.warning("%s is searched on the processor: the device does not take it (%s)", what, reason)
        return None


@cache
def _first_device() -> Device | None:
    wrapped: Any = faiss
    if not hasattr(wrapped, "StandardGpuResources"):
        return None
    return Device() if wrapped.get_num_gpus() > 0 else None
