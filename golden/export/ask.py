"""Asks PyTorch: one call of torch.nn.functional in float64, on one thread, with every gradient it gives.

Floating tensors are asked as float64 whatever their dtype says (each of their numbers is one exactly); integer tensors
keep theirs, and are promoted as PyTorch does it, with its default dtype of float32. Which inputs have a gradient is not
looked up but tried: one input at a time is marked as requiring one. A loss of integers, which PyTorch computes from
integer inputs alone, is stored as float64.

PyTorch is not asked where it reads memory that is not its own: such a question counts as rejected.
"""

from __future__ import annotations

import inspect
import os
import re
import warnings
from collections.abc import Callable, Mapping

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F

from calls import Answer, Question

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

MESSAGE_LIMIT = 400
"""Bytes of a rejection's message that are kept."""


class NotACall(Exception):
    """The question is malformed: an argument that the function does not have, or lacks."""


def function_of(loss: str) -> Callable[..., torch.Tensor]:
    """torch.nn.functional's function: NAME_loss, or NAME where there is no such name."""
    return getattr(F, f"{loss}_loss", None) or getattr(F, loss)


def ask(question: Question) -> Answer:
    """PyTorch's value and gradients, or its rejection."""
    if _reads_out_of_bounds(question):
        return Answer(rejection="not asked: PyTorch reads out of bounds for a label outside 0 .. C-1")
    arguments = _arguments(question)
    tensors = {name: _tensor(values) for name, values in question.inputs.items()}
    try:
        loss = _call(question, tensors, arguments)
        upstream = torch.ones_like(loss) if question.upstream is None else _tensor(question.upstream)
        outputs = {"loss": loss.to(torch.float64).numpy()}
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                slope = _gradient(question, tensors, arguments, name, upstream)
                if slope is not None:
                    outputs[f"grad/{name}"] = slope.numpy()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return Answer(rejection=describe(error))
    return Answer(outputs=outputs, of_integers=not loss.is_floating_point())


def _reads_out_of_bounds(question: Question) -> bool:
    """ctc_loss uses the labels within target_lengths as addresses without a look at them."""
    if question.loss != "ctc":
        return False
    log_probs, targets = question.inputs["log_probs"], question.inputs["targets"]
    lengths = np.ravel(question.inputs["target_lengths"]).astype(np.int64)
    classes = log_probs.shape[-1] if log_probs.ndim else 0
    if targets.ndim == 2 and targets.shape[0] == len(lengths):
        targets = targets[np.arange(targets.shape[1]) < lengths[:, None]]
    return bool(np.any((targets < 0) | (targets >= max(classes, 1))))


def describe(error: Exception) -> str:
    """Class and message in one stable line: no addresses, no second lines."""
    text = " ".join(str(error).strip().partition("\n")[0].split())
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    return f"{type(error).__name__}: {text}".encode("ascii", "replace")[:MESSAGE_LIMIT].decode()


def _arguments(question: Question) -> dict[str, float | int | bool | str]:
    """Parameters in the type that the function declares: JSON does not tell 2 from 2.0."""
    known = inspect.signature(function_of(question.loss)).parameters
    arguments: dict[str, float | int | bool | str] = {"reduction": question.reduction}
    for name in (*question.inputs, *question.parameters):
        if name not in known:
            raise NotACall(f"torch.nn.functional has no argument {name!r} for {question.loss}")
    for name, value in question.parameters.items():
        arguments[name] = _typed(value, str(known[name].annotation))
    missing = [n for n, p in known.items() if p.default is p.empty and n not in question.inputs]
    if missing:
        raise NotACall(f"{question.loss} needs {', '.join(missing)}")
    return arguments


def _typed(value: float, annotation: str) -> float | int | bool:
    if "bool" in annotation and value in (0, 1):
        return bool(value)
    if "int" in annotation and float(value).is_integer():
        return int(value)
    return float(value) if "float" in annotation else value


def _tensor(values: np.ndarray) -> torch.Tensor:
    if np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    return torch.from_numpy(np.array(values, order="C", copy=True))


def _call(
    question: Question, tensors: Mapping[str, torch.Tensor], arguments: Mapping[str, float | int | bool | str]
) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function_of(question.loss)(**tensors, **arguments)


def _gradient(
    question: Question,
    tensors: Mapping[str, torch.Tensor],
    arguments: Mapping[str, float | int | bool | str],
    name: str,
    upstream: torch.Tensor,
) -> torch.Tensor | None:
    """The gradient of one input, or None where PyTorch does not differentiate with respect to it."""
    leaf = tensors[name].clone().requires_grad_()
    try:
        loss = _call(question, {**tensors, name: leaf}, arguments)
    except (RuntimeError, ValueError) as error:
        if "derivative" in str(error) or "not differentiable" in str(error):
            return None
        raise
    if not loss.requires_grad:
        return None
    return torch.autograd.grad(loss, leaf, upstream, allow_unused=True)[0]
