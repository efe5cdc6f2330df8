"""Linear layers whose weights stay: laid out once in the order in which the processor reads them.

Torch would lay them out anew for each product. For the few tokens of a question that takes about as long as
the product itself.
"""

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS = 64  # the layout is chosen for products of so many rows; for others it is as good


class Linear(Protocol):
    """A linear layer, and what is done to its result while that is at hand; `x` is `(t, inputs)`."""

    def __call__(self, x: Tensor) -> Tensor:
        """The result, `(t, outputs)`."""

    def gelu(self, x: Tensor) -> Tensor:
        """GELU of the result."""

    def added(self, x: Tensor, to: Tensor) -> Tensor:
        """The result, added to what else there is of each token."""


def linear(weight: Tensor, bias: Tensor) -> Linear:
    """A layer with the weight `(outputs, inputs)` and the bias `(outputs,)`, as fast as this torch allows."""
    return _LaidOut(weight, bias) if _lays_out(weight.dtype) else _Plain(weight, bias)


def laid_out(layer: Linear) -> list[Tensor] | None:
    """The layer's weight, as oneDNN reads it, and its bias; None where it is not laid out."""
    return [layer.weight, layer.bias] if isinstance(layer, _LaidOut) else None


def _lays_out(dtype: torch.dtype) -> bool:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class _LaidOut:
    """By oneDNN, as torch uses it for what it compiles."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.bias = bias
        self.weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS)
        # With the kind of call looked up now: at each call that takes longer than a small product.
        self._unary: Any = torch.ops.mkldnn._linear_pointwise.default
        self._binary: Any = torch.ops.mkldnn._linear_pointwise.binary

    def __call__(self, x: Tensor) -> Tensor:
        result: Tensor = self._unary(x, self.weight, self.bias, "none", [], "")
        return result

    def gelu(self, x: Tensor) -> Tensor:
        result: Tensor = self._unary(x, self.weight, self.bias, "gelu", [], "none")
        return result

    def added(self, x: Tensor, to: Tensor) -> Tensor:
        result: Tensor = self._binary(x, to, self.weight, self.bias, "add")
        return result


class _Plain:
    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight, self._bias = weight, bias

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self._weight, self._bias)

    def gelu(self, x: Tensor) -> Tensor:
        return F.gelu(self(x))

    def added(self, x: Tensor, to: Tensor) -> Tensor:
        return to + self(x)
