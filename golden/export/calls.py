"""A call of a loss and what came of it, in numpy's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Question:
    """PyTorch's argument names, tensors as numpy arrays, and the upstream gradient, or None for ones."""

    loss: str
    inputs: Mapping[str, np.ndarray]
    parameters: Mapping[str, float | int | bool]
    reduction: str = "mean"
    upstream: np.ndarray | None = None


@dataclass(frozen=True)
class Answer:
    """Outputs by name (`loss`, `grad/input` ...), or the exception that was raised."""

    outputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    rejection: str | None = None
    of_integers: bool = False
    """Whether the loss was a tensor of integers."""
