"""Puts a Python implementation of a loss before lossproof: a loss in, a verdict out.

    import numpy as np
    from lossproof_adapter import serve

    def l1(case):
        d = case.input - case.target
        ...
        return {"loss": ..., "grad/input": ..., "grad/target": ...}  # or a tuple of them in this order

    serve({"l1": l1}, name="mine", version="1.0", dtypes=["float64", "float32"])

and then: lossproof certify "exec:python3 mine.py". Standard library and numpy only.
"""

from __future__ import annotations

import base64
import json
import os
import select
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["Case", "Reject", "answer", "bfloat16_bits", "claim_stdout", "serve", "sum_to"]

PROTOCOL = 1

_LAYOUTS = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": "<u2",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "|i1",
    "uint8": "|u1",
    "bool": "|b1",
}
_LINGER = 0.05  # seconds that an answer may wait for company
_CROWD = 1 << 16  # bytes of answers that are written at once


class Reject(Exception):
    """Raised by a loss function: the question is not a valid one. A ValueError says the same."""


class Case:
    """A question.

    loss        "smooth_l1"
    reduction   "none", "mean", "sum", "batchmean", or a word that must be rejected
    params      {"beta": 1.0}, every parameter that the loss has
    inputs      {"input": array, "target": array}; an optional input that was not given is not there
    grad_output an array in the shape of the loss, or None for ones
    dtypes      {"input": "float32", ...}: numpy has no bfloat16, whose numbers come as float32
    want        {"loss": "float32", "grad/input": "float32"}: the outputs asked for; others may be given, and are ignored

    A parameter and an input are attributes too: case.beta, case.input.
    """

    __slots__ = ("dtypes", "grad_output", "id", "inputs", "loss", "params", "reduction", "want")

    def __init__(
        self,
        loss: str,
        inputs: Mapping[str, np.ndarray],
        params: Mapping[str, Any] | None = None,
        reduction: str = "mean",
        grad_output: np.ndarray | None = None,
        want: Mapping[str, str] | None = None,
        dtypes: Mapping[str, str] | None = None,
        id: str = "",
    ) -> None:
        self.loss = loss
        self.inputs = inputs
        self.params = params or {}
        self.reduction = reduction
        self.grad_output = grad_output
        self.dtypes = dtypes or {name: str(array.dtype) for name, array in inputs.items()}
        self.want = want or {"loss": "float64"}
        self.id = id

    def __getattr__(self, name: str) -> Any:
        if name in self.__slots__:  # copy and pickle ask before there is anything
            raise AttributeError(name)
        if name in self.inputs:
            return self.inputs[name]
        if name in self.params:
            return self.params[name]
        raise AttributeError(f"{self.loss} has neither an input nor a parameter {name!r} in this case")

    def bits(self, name: str) -> np.ndarray:
        """The elements of an input as unsigned integers of their size."""
        array = self.inputs[name]
        if self.dtypes[name] == "bfloat16":
            return (array.view(np.uint32) >> 16).astype(np.uint16)
        return array.view(f"u{array.dtype.itemsize}")


def bfloat16_bits(values: np.ndarray) -> np.ndarray:
    """The bits of numbers, rounded once to nearest even; an array of uint16 is bits already."""
    values = np.asarray(values)
    if values.dtype == np.uint16:
        return values
    if values.dtype == np.float64:
        values = _to_odd_float32(values)
    bits = np.ascontiguousarray(values, dtype=np.float32).reshape(values.shape).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16
    return np.where(np.isnan(values), np.uint32(0x7FC0), rounded).astype(np.uint16)


def _to_odd_float32(values: np.ndarray) -> np.ndarray:
    """Towards zero, with the last bit set where something was lost: rounding that again is rounding once."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        near = values.astype(np.float32)
        bits = near.view(np.uint32)
        lost = (near != values) & ~np.isnan(values)
        too_far = lost & (np.abs(near.astype(np.float64)) > np.abs(values))
    bits = np.where(too_far, bits - np.uint32(1), bits)
    return np.where(lost, bits | np.uint32(1), bits).astype(np.uint32).view(np.float32)


def sum_to(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The gradient of an input that was broadcast: summed over the positions at which each element stood."""
    values = np.asarray(values)
    values = values.sum(axis=tuple(range(values.ndim - len(shape))))
    stretched = tuple(i for i, extent in enumerate(shape) if extent == 1)
    return values.sum(axis=stretched, keepdims=True).reshape(shape)


# ---- The lines of the protocol ----


def _read_tensor(packed: Mapping[str, Any]) -> np.ndarray:
    dtype = packed["dtype"]
    array = np.frombuffer(bytearray(base64.b64decode(packed["data"])), _LAYOUTS[dtype]).reshape(packed["shape"])
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


def _write_tensor(values: Any, dtype: str) -> str:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"expected numbers, got an array of {array.dtype}")
    if dtype == "bfloat16":
        array = bfloat16_bits(array)
    elif array.dtype.str != _LAYOUTS[dtype]:
        with np.errstate(all="ignore"):
            array = array.astype(_LAYOUTS[dtype])
    shape = ",".join(map(str, array.shape))
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return f'{{"dtype":"{dtype}","shape":[{shape}],"data":"{data}"}}'


def _read_case(line: bytes) -> Case:
    raw = json.loads(line)
    params = raw["params"]
    reduction = params.pop("reduction", "mean")
    for name, value in params.items():
        if isinstance(value, str):
            params[name] = float(value)  # "NaN", "Infinity", "-Infinity"
    inputs = raw["inputs"]
    upstream = raw.get("grad_output")
    return Case(
        raw["loss"],
        {name: _read_tensor(packed) for name, packed in inputs.items()},
        params,
        reduction,
        None if upstream is None else _read_tensor(upstream),
        raw["want"],
        {name: packed["dtype"] for name, packed in inputs.items()},
        raw["id"],
    )


def _outputs(result: Any, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """By name: a mapping as it is, a tuple as the loss and the gradients in the order of the inputs, anything else as the
    loss."""
    if isinstance(result, Mapping):
        return result
    names = ["loss", *(f"grad/{name}" for name in inputs)]
    return dict(zip(names, result if isinstance(result, tuple) else (result,)))


def _write_answer(case: Case, result: Any) -> str:
    outputs = _outputs(result, case.inputs)
    known = {*case.want, "loss", *(f"grad/{name}" for name in case.inputs)}
    loss, grad = "null", []
    for name, values in outputs.items():
        if name not in known:
            raise TypeError(f"no output is called {name!r}: expected {', '.join(sorted(known))}")
        if name not in case.want or values is None:
            continue
        packed = _write_tensor(values, case.want[name])
        if name == "loss":
            loss = packed
        else:
            grad.append(f'"{name[5:]}":{packed}')
    if loss == "null":
        raise TypeError("the function returned no loss")
    return f'{{"id":{json.dumps(case.id)},"status":"ok","loss":{loss},"grad":{{{",".join(grad)}}}}}\n'


def _write_refusal(case: Case, status: str, message: str) -> str:
    return json.dumps({"id": case.id, "status": status, "message": message[:400]}) + "\n"


def _last_line(error: BaseException) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({os.path.basename(where[0].filename)}, line {where[0].lineno})" if where else ""
    return traceback.format_exception_only(type(error), error)[-1].strip() + place


def answer(functions: Mapping[str, Callable[[Case], Any]], case: Case) -> str:
    """The line that answers a case. What a function raises is an answer too: Reject and ValueError that the case is not
    a valid one, NotImplementedError that it is not supported, anything else that the function failed."""
    try:
        if case.loss not in functions:
            return _write_refusal(case, "unsupported", f"no function for {case.loss}")
        return _write_answer(case, functions[case.loss](case))
    except (Reject, ValueError) as error:
        return _write_refusal(case, "rejected", str(error) or type(error).__name__)
    except NotImplementedError as error:
        return _write_refusal(case, "unsupported", str(error))
    except Exception as error:  # whatever it is, it is the answer to this case
        return _write_refusal(case, "crashed", _last_line(error))


# ---- The pipe ----


def claim_stdout() -> int:
    """Keeps standard output for the protocol: what anybody prints from now on goes to standard error. serve() does this
    itself; call it first where an import already prints. Returns the file to write to."""
    global _claimed
    if _claimed is None:
        _claimed = os.dup(1)
        os.dup2(2, 1)
    return _claimed


_claimed: int | None = None


def _write(file: int, text: str) -> None:
    left = memoryview(text.encode("utf-8"))
    while left:
        left = left[os.write(file, left) :]


def _read_lines(file: int) -> Iterator[bytes | None]:
    """The lines as they come, and None whenever there is no more for now."""
    parts: list[bytes] = []
    while True:
        if not select.select([file], [], [], 0)[0]:
            yield None
        chunk = os.read(file, 1 << 20)
        if not chunk:
            return
        first, newline, rest = chunk.partition(b"\n")
        parts.append(first)
        if not newline:
            continue
        yield b"".join(parts)
        *lines, last = rest.split(b"\n")
        yield from lines
        parts = [last]


def _greeting(line: bytes, name: str, version: str, manifest: Mapping[str, Any]) -> str:
    theirs = json.loads(line)["lossproof"]["protocol"]
    if theirs != PROTOCOL:
        raise SystemExit(f"lossproof speaks protocol {theirs}, and this adapter protocol {PROTOCOL}")
    ours = {"lossproof": {"protocol": PROTOCOL}, "name": name, "version": version, "manifest": manifest}
    return json.dumps(ours) + "\n"


def _converse(file: int, out: int, first: Callable[[bytes], str], then: Callable[[bytes], str]) -> None:
    reply, waiting, size, since = first, [], 0, time.monotonic()
    for line in _read_lines(file):
        if line is not None:
            waiting.append(reply(line))
            size += len(waiting[-1])
            reply = then
            if size < _CROWD and time.monotonic() - since < _LINGER:
                continue
        if waiting:
            _write(out, "".join(waiting))
        waiting, size, since = [], 0, time.monotonic()
    _write(out, "".join(waiting))


def serve(
    functions: Mapping[str, Callable[[Case], Any]],
    *,
    name: str = "",
    version: str = "",
    dtypes: list[str] | tuple[str, ...] = ("float64",),
    deterministic: bool = True,
    **manifest: Any,
) -> None:
    """Answers lossproof's questions until there are no more. functions: by the names that `lossproof list` prints.
    dtypes, deterministic and what else is named become the manifest (golden/README.md)."""
    out = claim_stdout()
    file = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    name = name or os.path.basename(sys.argv[0])
    declared = {"dtypes": list(dtypes), "deterministic": deterministic, "losses": list(functions), **manifest}
    _converse(
        file,
        out,
        lambda line: _greeting(line, name, version, declared),
        lambda line: answer(functions, _read_case(line)),
    )
