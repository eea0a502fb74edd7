"""Cases and outcomes in Python: the twin of golden/hdf5.h, and a reader of golden/json.h's JSON Lines.

    cases = read_cases("core.h5")                 or read_jsonl("core.jsonl")
    outcomes = [run(case) for case in cases]
    write_fixtures("core.h5", row, cases, outcomes, Origin("pytorch", torch.__version__))

A tensor is a numpy array of any shape. bfloat16, which numpy has not, is an array of uint16 that holds its bits; no
other tensor is of uint16. `row` is the loss's object in the output of `lossproof list --json`.
Needs numpy and h5py, and nothing of PyTorch. golden/README.md documents every dataset.
"""

import base64
import dataclasses
import hashlib
import json
import math
import os

import h5py
import numpy as np

FORMAT_VERSION = 1
MAX_RANK = 8
CHUNK_BYTES = 1 << 20

# How a tensor of each dtype is held in memory, and in which pool of a file.
DTYPES = {
    "float64": ("<f8", "float64"),
    "float32": ("<f4", "float32"),
    "float16": ("<f2", "float16"),
    "bfloat16": ("<u2", "bfloat16"),
    "int64": ("<i8", "int64"),
    "int32": ("<i4", "int64"),
    "int16": ("<i2", "int64"),
    "int8": ("|i1", "int64"),
    "uint8": ("|u1", "int64"),
    "bool": ("|b1", "int64"),
}
POOLS = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2", "int64": "<i8"}
EXPECTATIONS = ("accept", "reject", "either")
ORIGIN_TEXTS = ("producer", "producer_version", "exporter_version", "note")
KINDS = ("ok", "rejected", "unsupported", "crashed", "timed_out")


@dataclasses.dataclass
class Case:
    """A question. A whole number among the parameters is an int, and a bool is a bool, so that
    F.NAME(**inputs, **params, reduction=reduction) is what PyTorch expects once the arrays are tensors."""

    id: str
    loss: str
    inputs: dict
    params: dict = dataclasses.field(default_factory=dict)
    reduction: str = "mean"
    dtype: str = "float64"
    grad_output: np.ndarray | None = None
    expect: str = "accept"
    hunts: str = ""
    tags: str = ""


@dataclasses.dataclass
class Outcome:
    """An answer: outputs by name ("loss", "grad/input") when kind is "ok", else a message."""

    kind: str = "ok"
    message: str = ""
    outputs: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Origin:
    """Who made the outcomes, and how."""

    producer: str = ""
    producer_version: str = ""
    exporter_version: str = ""
    note: str = ""
    seed: int = 0


@dataclasses.dataclass
class Suite:
    """The whole of a file. `cases` of answers hold only their ids; `outcomes` of questions is empty."""

    kind: str
    loss: str
    origin: Origin
    cases: list
    outcomes: list


class FormatError(ValueError):
    """The file is not what golden/README.md describes."""


def dtype_name(array):
    """ "float64" ... of an array that is a tensor."""
    for name, (layout, _) in DTYPES.items():
        if np.dtype(layout) == array.dtype.newbyteorder("<"):
            return name
    raise FormatError(f"no tensor has numpy's dtype {array.dtype}")


def bfloat16_bits(values):
    """The uint16 array of these float64 numbers rounded once, to nearest even, to bfloat16."""
    with np.errstate(invalid="ignore"):  # a signalling NaN
        values = np.asarray(values, dtype=np.float64)
    finite = np.where(np.isfinite(values), values, 0.0)
    _, exponent = np.frexp(finite)
    unit = np.maximum(exponent - 8, -133)
    rounded = np.ldexp(np.rint(np.ldexp(finite, -unit)), unit)
    rounded = np.where(np.isfinite(values), rounded, values)
    with np.errstate(over="ignore", invalid="ignore"):
        return (rounded.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def bfloat16_values(bits):
    """The float32 numbers with these bits."""
    return (np.asarray(bits, dtype=np.uint16).astype(np.uint32) << 16).view(np.float32)


# Files as columns: a dict from the path of a dataset, or "@" and the name of a root attribute, to an array.


def digest(columns):
    """The SHA-256 of the content, as golden/README.md defines it."""
    content = hashlib.sha256()
    for path in sorted(columns):
        if path != "@sha256":
            array = columns[path]
            extents = ",".join(str(extent) for extent in array.shape)
            content.update(f"{path} {array.dtype.str} {extents}\n".encode())
            content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()


def _bytes_array(text):
    """A fixed string of rank 0, as wide as the text, and never of width 0."""
    data = text.encode()
    return np.array(data, dtype=f"S{max(1, len(data))}")


def _reproducible(properties):
    """No time stamps, and all links and attributes in the object's header: the same content is the same bytes."""
    properties.set_obj_track_times(False)
    for name in ("set_link_phase_change", "set_attr_phase_change"):
        if hasattr(properties, name):
            getattr(properties, name)(1024, 0)
    return properties


def _create_file(path):
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    creation = _reproducible(h5py.h5p.create(h5py.h5p.FILE_CREATE))
    return h5py.File(h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_EXCL, creation, access))


def _make_parents(file, path):
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        parent = "/".join(parts[:depth])
        if parent not in file:
            h5py.h5g.create(file.id, parent.encode(), gcpl=_reproducible(h5py.h5p.create(h5py.h5p.GROUP_CREATE)))


def _write_column(file, path, array):
    if path.startswith("@"):
        file.attrs.create(path[1:], array)
        return
    _make_parents(file, path)
    row = max(1, array.dtype.itemsize * math.prod(array.shape[1:]))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    properties.set_chunk((max(1, min(array.shape[0], CHUNK_BYTES // row)), *array.shape[1:]))
    properties.set_shuffle()
    properties.set_deflate(9)
    properties.set_fletcher32()
    layout, space = h5py.h5t.py_create(array.dtype, logical=True), h5py.h5s.create_simple(array.shape)
    dataset = h5py.h5d.create(file.id, path.encode(), layout, space, properties)
    if array.size > 0:
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(array))


def write_columns(path, columns):
    """Seals the columns and writes them; the file appears under its name only when it is complete."""
    columns = dict(columns)
    columns["@sha256"] = _bytes_array(digest(columns))
    part = f"{os.fspath(path)}.{os.getpid()}.part"
    try:
        with _create_file(part) as file:
            for name in sorted(columns):
                _write_column(file, name, columns[name])
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def read_columns(path):
    """All columns of a file, after checking the seal."""
    columns = {}
    with h5py.File(path, "r") as file:
        for name in file.attrs:
            dtype = file.attrs.get_id(name).dtype
            if dtype.hasobject:
                raise FormatError(f"{path}: @{name}: is of variable length")
            columns["@" + name] = np.array(file.attrs[name], dtype=dtype.str)

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                columns[name] = np.array(item[()], dtype=item.dtype.str)

        file.visititems(visit)
    if columns.get("@format", np.array(b"")).tobytes().rstrip(b"\0") != b"lossproof":
        raise FormatError(f"{path}: @format: is not 'lossproof'")
    if int(columns["@format_version"]) != FORMAT_VERSION:
        raise FormatError(f"{path}: @format_version: is {columns['@format_version']}, this reads {FORMAT_VERSION}")
    if columns["@sha256"].tobytes() != digest(columns).encode():
        raise FormatError(f"{path}: @sha256: is not that of the content: the file was changed after it was made")
    return columns


# From cases to columns.


def _pack_offsets(lengths):
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype("<i8")


def _pack_text(columns, path, texts):
    encoded = [text.encode() for text in texts]
    if any(b"\0" in text for text in encoded):
        raise FormatError(f"{path}: a text holds a zero byte")
    columns[path] = np.frombuffer(b"".join(encoded), dtype="|u1")
    columns[path + "_offset"] = _pack_offsets([len(text) for text in encoded])


def _pack_words(columns, path, words, allowed):
    for word in words:
        if word not in allowed:
            raise FormatError(f"{path}: there is no '{word}', only {', '.join(allowed)}")
    columns[path] = np.array([word.encode() for word in words], dtype=f"S{max(len(word) for word in allowed)}")


def _pack_pool(columns, path, arrays, pool):
    """The elements of the arrays that belong to this pool, one case after the other."""
    mine = [a if a is not None and DTYPES[dtype_name(a)][1] == pool else None for a in arrays]
    flat = [np.zeros(0) if a is None else a.ravel() for a in mine]
    if sum(a.size for a in flat) > 0:
        columns[f"{path}/{pool}"] = np.concatenate([a.astype(POOLS[pool]) for a in flat])
        columns[f"{path}/{pool}_offset"] = _pack_offsets([a.size for a in flat])


def _pack_slot(columns, path, arrays):
    """One tensor a case, or None. Nothing at all when no case has it."""
    if all(array is None for array in arrays):
        return
    names = [b"" if array is None else dtype_name(array).encode() for array in arrays]
    shapes = np.zeros((len(arrays), MAX_RANK), dtype="<i8")
    for i, array in enumerate(arrays):
        if array is not None:
            shapes[i, : array.ndim] = array.shape
    columns[f"{path}/dtype"] = np.array(names, dtype="S8")
    columns[f"{path}/rank"] = np.array([0 if a is None else a.ndim for a in arrays], dtype="|u1")
    columns[f"{path}/shape"] = shapes
    for pool in POOLS:
        _pack_pool(columns, path, arrays, pool)


def _pack_param(columns, parameter, cases):
    name, dtype = parameter["name"], "|u1" if parameter["type"] == "bool" else "<f8"
    values = [case.params.get(name, parameter["default"]) for case in cases]
    columns[f"params/{name}"] = np.array([float(value) for value in values]).astype(dtype)


def _check_names(row, cases):
    inputs = {spec["name"] for spec in row["inputs"]}
    params = {spec["name"] for spec in row["parameters"]}
    for case in cases:
        for name in [*(set(case.inputs) - inputs), *(set(case.params) - params)]:
            raise FormatError(f"case {case.id}: {row['name']} has no '{name}'")


def _pack_cases(columns, row, cases):
    _check_names(row, cases)
    _pack_text(columns, "cases/hunts", [case.hunts for case in cases])
    _pack_text(columns, "cases/tags", [case.tags for case in cases])
    _pack_text(columns, "cases/reduction", [case.reduction for case in cases])
    _pack_words(columns, "cases/expect", [case.expect for case in cases], EXPECTATIONS)
    _pack_words(columns, "cases/dtype", [case.dtype for case in cases], list(DTYPES)[:4])
    for parameter in row["parameters"]:
        _pack_param(columns, parameter, cases)
    for spec in row["inputs"]:
        _pack_slot(columns, f"inputs/{spec['name']}", [case.inputs.get(spec["name"]) for case in cases])
    _pack_slot(columns, "grad_output", [case.grad_output for case in cases])


def _pack_outcomes(columns, row, outcomes):
    _pack_text(columns, "outcomes/message", [outcome.message for outcome in outcomes])
    _pack_words(columns, "outcomes/kind", [outcome.kind for outcome in outcomes], KINDS)
    for name in ["loss", *(f"grad/{spec['name']}" for spec in row["inputs"])]:
        _pack_slot(columns, f"outcomes/{name}", [outcome.outputs.get(name) for outcome in outcomes])


def _pack_origin(columns, kind, row, n, origin):
    columns["@format"] = _bytes_array("lossproof")
    columns["@format_version"] = np.array(FORMAT_VERSION, dtype="<i8")
    columns["@kind"] = _bytes_array(kind)
    columns["@loss"] = _bytes_array(row["name"])
    columns["@cases"] = np.array(n, dtype="<i8")
    columns["@seed"] = np.array(origin.seed, dtype="<u8")
    for name in ORIGIN_TEXTS:
        columns["@" + name] = _bytes_array(getattr(origin, name))


def _check_ids(ids):
    if len(set(ids)) != len(ids):
        raise FormatError("two cases have the same id")
    for name in ids:
        if not 0 < len(name.encode()) <= 200 or any(ord(c) < 32 or ord(c) == 127 for c in name):
            raise FormatError(f"the id {name!r} is not one line of 1 to 200 bytes without control characters")


def _pack(kind, row, ids, cases, outcomes, origin):
    _check_ids(ids)
    columns = {}
    _pack_origin(columns, kind, row, len(ids), origin)
    _pack_text(columns, "cases/id", ids)
    if cases is not None:
        _pack_cases(columns, row, cases)
    if outcomes is not None:
        _pack_outcomes(columns, row, outcomes)
    return columns


def write_questions(path, row, cases, origin):
    """Cases without outcomes."""
    write_columns(path, _pack("questions", row, [case.id for case in cases], cases, None, origin))


def write_answers(path, row, ids, outcomes, origin):
    """Outcomes of the cases with these ids."""
    _check_lengths(ids, outcomes)
    write_columns(path, _pack("answers", row, list(ids), None, outcomes, origin))


def write_fixtures(path, loss_row, cases, outcomes, origin):
    """Cases, each with its outcome."""
    _check_lengths(cases, outcomes)
    write_columns(path, _pack("fixtures", loss_row, [case.id for case in cases], cases, outcomes, origin))


def _check_lengths(cases, outcomes):
    if len(cases) != len(outcomes):
        raise FormatError(f"{len(cases)} cases with {len(outcomes)} outcomes")


# From columns to cases.


def plain_number(value):
    """A whole number as an int, unless it is -0.0; every other one as a float."""
    whole = math.isfinite(value) and value == int(value) and (value != 0 or math.copysign(1, value) > 0)
    return int(value) if whole else float(value)


def _unpack_text(columns, path):
    data, offset = columns[path].tobytes(), columns[path + "_offset"]
    return [data[begin:end].decode() for begin, end in zip(offset[:-1], offset[1:])]


def _unpack_words(columns, path):
    return [word.decode() for word in columns[path]]


def _unpack_slot(columns, path, n):
    if f"{path}/dtype" not in columns:
        return [None] * n
    tensors = []
    for i, name in enumerate(_unpack_words(columns, f"{path}/dtype")):
        if name == "":
            tensors.append(None)
            continue
        layout, pool = DTYPES[name]
        values = np.zeros(0)
        if f"{path}/{pool}" in columns:
            begin, end = columns[f"{path}/{pool}_offset"][i : i + 2]
            values = columns[f"{path}/{pool}"][begin:end]
        shape = columns[f"{path}/shape"][i, : columns[f"{path}/rank"][i]]
        tensors.append(values.astype(layout).reshape(shape))
    return tensors


def _unpack_params(columns, i):
    params = {}
    for path, values in columns.items():
        if path.startswith("params/"):
            value = values[i]
            params[path[len("params/") :]] = bool(value) if values.dtype == np.uint8 else plain_number(value)
    return params


def _names(columns, prefix):
    return sorted({path[len(prefix) :].rsplit("/", 1)[0] for path in columns if path.startswith(prefix)})


def _unpack_cases(columns, loss, ids):
    inputs = {name: _unpack_slot(columns, f"inputs/{name}", len(ids)) for name in _names(columns, "inputs/")}
    upstream = _unpack_slot(columns, "grad_output", len(ids))
    texts = {name: _unpack_text(columns, f"cases/{name}") for name in ("hunts", "tags", "reduction")}
    words = {name: _unpack_words(columns, f"cases/{name}") for name in ("expect", "dtype")}
    return [
        Case(
            id=name,
            loss=loss,
            inputs={key: tensors[i] for key, tensors in inputs.items() if tensors[i] is not None},
            params=_unpack_params(columns, i),
            grad_output=upstream[i],
            **{key: values[i] for key, values in {**texts, **words}.items()},
        )
        for i, name in enumerate(ids)
    ]


def _unpack_outcomes(columns, n):
    names = [name for name in _names(columns, "outcomes/") if f"outcomes/{name}/dtype" in columns]
    outputs = {name: _unpack_slot(columns, f"outcomes/{name}", n) for name in names}
    kinds, messages = _unpack_words(columns, "outcomes/kind"), _unpack_text(columns, "outcomes/message")
    return [
        Outcome(kinds[i], messages[i], {key: tensors[i] for key, tensors in outputs.items() if tensors[i] is not None})
        for i in range(n)
    ]


def read_suite(path):
    """Everything in a file."""
    columns = read_columns(path)
    kind, loss = columns["@kind"].item().decode(), columns["@loss"].item().decode()
    texts = {name: columns["@" + name].item().decode() for name in ORIGIN_TEXTS}
    origin = Origin(seed=int(columns["@seed"]), **texts)
    ids = _unpack_text(columns, "cases/id")
    cases = [Case(name, loss, {}) for name in ids] if kind == "answers" else _unpack_cases(columns, loss, ids)
    outcomes = [] if kind == "questions" else _unpack_outcomes(columns, len(ids))
    return Suite(kind, loss, origin, cases, outcomes)


def read_cases(path):
    """The cases of a file of questions or fixtures."""
    return read_suite(path).cases


# JSON Lines.


def _json_number(value):
    if isinstance(value, str):
        special = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
        return special[value] if value in special else float.fromhex(value)
    return value


def _json_flatten(value, elements):
    """Appends the numbers of nested lists, and returns the shape."""
    if not isinstance(value, list):
        elements.append(_json_number(value))
        return ()
    shapes = {_json_flatten(item, elements) for item in value}
    if len(shapes) > 1:
        raise FormatError("the lists are ragged")
    return (len(value), *(shapes.pop() if shapes else ()))


def _json_array(values, shape, dtype):
    if dtype == "bfloat16":
        return bfloat16_bits(np.array(values, dtype=np.float64)).reshape(shape)
    if dtype.startswith("float"):
        with np.errstate(over="ignore"):
            return np.array(values, dtype=np.float64).astype(DTYPES[dtype][0]).reshape(shape)
    return np.array([int(value) for value in values], dtype=DTYPES[dtype][0]).reshape(shape)


def _json_tensor(value, dtype, shape):
    """dtype, shape: what `dtypes` and `shapes` say, or None."""
    if isinstance(value, dict):
        data = base64.b64decode(value["data"], validate=True)
        return np.frombuffer(data, dtype=DTYPES[value["dtype"]][0]).reshape(value["shape"])
    elements = []
    found = _json_flatten(value, elements)
    return _json_array(elements, found if shape is None else shape, dtype)


def _json_tensors(values, usual, hints):
    """usual: from a name and its value to the dtype that it has unless `dtypes` says otherwise."""
    dtypes, shapes = hints.get("dtypes") or {}, hints.get("shapes") or {}
    return {
        name: _json_tensor(value, dtypes.get(name) or usual(name, value), shapes.get(name))
        for name, value in values.items()
        if value is not None
    }


def _all_integers(value):
    """The readable form writes 2 in an integer tensor and 2.0 in a floating one."""
    if isinstance(value, list):
        return len(value) > 0 and all(_all_integers(item) for item in value)
    return isinstance(value, int)


def _usual_dtype(record, row):
    kinds = {spec["name"]: spec["kind"] for spec in row["inputs"]} if row else {}
    floating = record.get("dtype") or "float64"

    def usual(name, value):
        integral = kinds[name] != "real" if name in kinds else name != "grad_output" and _all_integers(value)
        return "int64" if integral else floating

    return usual


def case_from_json(record, row=None, position=0):
    """The case of one JSON object."""
    params = dict(record.get("params") or {})
    reduction = params.pop("reduction", "mean")
    values = {**record.get("inputs", {}), "grad_output": record.get("grad_output")}
    tensors = _json_tensors(values, _usual_dtype(record, row), record)
    return Case(
        id=str(record.get("id", position)),
        loss=record["loss"],
        grad_output=tensors.pop("grad_output", None),
        inputs=tensors,
        params={k: v if isinstance(v, bool) else plain_number(_json_number(v)) for k, v in params.items()},
        reduction=reduction,
        dtype=record.get("dtype") or "float64",
        expect=record.get("expect") or "accept",
        hunts=record.get("hunts") or "",
        tags=record.get("tags") or "",
    )


def outcome_from_json(record):
    """The outcome under a JSON object's "outcome", or None."""
    answer = record.get("outcome")
    if answer is None:
        return None
    values = {"loss": answer.get("loss")}
    values.update({f"grad/{name}": value for name, value in (answer.get("grad") or {}).items()})
    outputs = _json_tensors(values, lambda name, value: "float64", answer)
    return Outcome(answer["status"], answer.get("message") or "", outputs)


def _read_records(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def read_jsonl(path, rows=None):
    """The cases of a file of JSON Lines, packed or readable. `rows`, from names of losses to rows, settles which
    tensors are integers where the readable form leaves it open: empty lists, and people's 2 for 2.0."""
    return [case_from_json(r, (rows or {}).get(r["loss"]), i) for i, r in enumerate(_read_records(path))]


def read_jsonl_outcomes(path):
    """The outcomes of a file of JSON Lines; None where a case has none."""
    return [outcome_from_json(record) for record in _read_records(path)]
