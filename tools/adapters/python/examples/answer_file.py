"""The file door, for a machine that has h5py and not lossproof:

    lossproof generate --loss smooth_l1 -o questions.h5
    python3 answer_file.py questions.h5 answers.jsonl numpy_smooth_l1        anywhere
    lossproof judge questions.h5 answers.jsonl --manifest answers.jsonl.manifest

The third word is a module whose functions are named like the losses: def smooth_l1(case). Default: torch_losses. Its
MANIFEST, where it has one, says what it can do: what it does not declare is not held against it.
golden/README.md documents every dataset. Answers are JSON Lines: cases without inputs and with an outcome."""

import importlib
import json
import sys

import h5py
import numpy as np
from lossproof_adapter import Case, answer


def load(group):
    """Everything below a group as numpy arrays: reading a dataset case by case is slow."""
    return {name: load(item) if isinstance(item, h5py.Group) else item[()] for name, item in group.items()}


def text(group, name, i):
    if name not in group:
        return ""
    begin, end = group[name + "_offset"][i : i + 2]
    return group[name][begin:end].tobytes().decode()


def tensor(group, i):
    """An array and the name of its dtype; None where the case has no such tensor."""
    dtype, shape = group["dtype"][i].decode(), tuple(group["shape"][i, : group["rank"][i]])
    if dtype == "":
        return None
    pool = dtype if "float" in dtype else "int64"
    if 0 in shape:
        values = np.zeros(shape, np.float32 if dtype == "bfloat16" else dtype)
    else:
        begin, end = group[pool + "_offset"][i : i + 2]
        values = group[pool][begin:end].reshape(shape)
        if dtype == "bfloat16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        elif pool == "int64":
            values = values.astype(dtype)
    return values, dtype


def parameter(values, i):
    value = values[i]
    return bool(value) if values.dtype == np.uint8 else int(value) if float(value).is_integer() else float(value)


def wanted(dtypes):
    """Every output that there may be: a loss in the widest of the floating dtypes, gradients in those of their inputs."""
    floating = {name: dtype for name, dtype in dtypes.items() if "float" in dtype}
    if len(set(floating.values())) <= 1:
        loss = next(iter(floating.values()), "float64")
    else:
        loss = "float64" if "float64" in floating.values() else "float32"
    return {"loss": loss, **{f"grad/{name}": dtype for name, dtype in floating.items()}}


def questions(file):
    loss = file.attrs["loss"]
    loss = loss.decode() if isinstance(loss, bytes) else str(loss)
    data = load(file)
    for i in range(file.attrs["cases"]):
        tensors = {name: tensor(group, i) for name, group in data["inputs"].items()}
        tensors = {name: found for name, found in tensors.items() if found}
        upstream = tensor(data["grad_output"], i) if "grad_output" in data else None
        dtypes = {name: dtype for name, (_, dtype) in tensors.items()}
        yield Case(
            loss,
            {name: values for name, (values, _) in tensors.items()},
            {name: parameter(values, i) for name, values in data.get("params", {}).items()},
            text(data["cases"], "reduction", i),
            upstream and upstream[0],
            wanted(dtypes),
            dtypes,
            text(data["cases"], "id", i),
        )


def main(asked, answered, module="torch_losses"):
    functions = importlib.import_module(module)
    with h5py.File(asked) as file, open(answered, "w", encoding="utf-8") as out:
        for case in questions(file):
            function = getattr(functions, case.loss, None) or functions.answer
            outcome = json.loads(answer({case.loss: function}, case))
            line = {"id": outcome.pop("id"), "loss": case.loss, "outcome": outcome}
            out.write(json.dumps(line) + "\n")
    if hasattr(functions, "MANIFEST"):
        with open(answered + ".manifest", "w", encoding="utf-8") as out:
            json.dump(functions.MANIFEST, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
