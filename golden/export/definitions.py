"""The thirteen definitions, written as PyTorch documents them, with the constants that its code adds.

Every function takes arrays of `Real` under PyTorch's argument names and returns the unreduced loss. No formula is
rearranged for stability: the precision of `Real` takes the place of that. `evaluate` adds the reduction, the upstream
gradient and the derivatives. CTC is summed over paths frame by frame in probabilities, not logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mpmath import mp, mpf

import tape
from calls import Question
from tape import Real, real

Array = np.ndarray
"""An array whose elements are Reals, or machine numbers."""

Parameters = Mapping[str, float | int | bool]

_exp = np.frompyfunc(tape.exp, 1, 1)
_log = np.frompyfunc(tape.log, 1, 1)
_log1p = np.frompyfunc(tape.log1p, 1, 1)
_abs = np.frompyfunc(abs, 1, 1)
_positive_part = np.frompyfunc(tape.positive_part, 1, 1)


def _choose(condition: Array, where_true: Array, where_false: Array) -> Array:
    """Elementwise choice that keeps arrays of Reals arrays, of any rank."""
    shape = np.broadcast_shapes(np.shape(condition), np.shape(where_true), np.shape(where_false))
    chosen = np.empty(shape, dtype=object)
    operands = [np.broadcast_to(np.asarray(a, dtype=object), shape) for a in (condition, where_true, where_false)]
    for index in np.ndindex(shape):
        verdict, *sides = (operand[index] for operand in operands)
        chosen[index] = tape.undefined(*map(real, sides)) if verdict is None else sides[0 if verdict else 1]
    return chosen


def _where(values: Array, holds: Callable[[mpf], bool]) -> Array:
    """Whether it holds of each value; None where the value is undefined."""
    return np.frompyfunc(lambda r: holds(r.value) if mp.isfinite(r.value) else None, 1, 1)(values)


def _is(values: Array, number: float) -> Array:
    return _where(values, lambda value: value == number)


def _sum_last(values: Array) -> Array:
    """The sum along the last axis."""
    sums = np.empty(values.shape[:-1], dtype=object)
    for index in np.ndindex(sums.shape):
        sums[index] = tape.total(values[index])
    return sums


def parameter(value: float) -> Real:
    """A parameter of a formula; one that is not finite leaves the formula open."""
    return _leaf(float(value))


def l1(input: Array, target: Array, weight: Array | None = None) -> Array:
    """|x - t|, times w."""
    error = _abs(input - target)
    return error if weight is None else error * weight


def mse(input: Array, target: Array, weight: Array | None = None) -> Array:
    """(x - t)^2, times w."""
    difference = input - target
    return difference * difference if weight is None else difference * difference * weight


def smooth_l1(input: Array, target: Array, beta: float = 1.0) -> Array:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2."""
    difference = input - target
    size = _abs(difference)
    quadratic = _where(size, lambda value: value < beta)
    curve = difference * difference * real(0.5) / parameter(beta) if beta != 0 else difference
    return _choose(quadratic, curve, size - real(0.5) * parameter(beta))


def poisson_nll(input: Array, target: Array, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Array:
    """exp(x) - t x, or x - t log(x + eps); with `full`, plus t log t - t + log(2 pi t) / 2 where t > 1."""
    loss = _exp(input) - target * input if log_input else input - target * _log(input + parameter(eps))
    if not full:
        return loss
    large = _where(target, lambda value: value > 1)
    safe = _choose(large, target, real(2))
    stirling = safe * _log(safe) - safe + real(0.5) * _log(real(2 * mp.pi) * safe)
    return _choose(large, loss + stirling, loss)


def kl_div(input: Array, target: Array, log_target: bool = False) -> Array:
    """t (log t - x) with 0 log 0 = 0, or exp(t) (t - x)."""
    if log_target:
        return _exp(target) * (target - input)
    return np.frompyfunc(_t_log_t, 1, 1)(target) - target * input


def _t_log_t(t: Real) -> Real:
    """t log t; at 0 its limit, whose derivative is infinite and so left open."""
    return tape.ZERO * abs(t) if t.value == 0 else t * tape.log(t)


def margin_ranking(input1: Array, input2: Array, target: Array, margin: float = 0.0) -> Array:
    """max(0, -t (x1 - x2) + margin)."""
    return _positive_part(-target * (input1 - input2) + parameter(margin))


def hinge_embedding(input: Array, target: Array, margin: float = 1.0) -> Array:
    """x unless t = -1, plus max(0, margin - x) unless t = 1."""
    hinge = _choose(_is(target, 1), tape.ZERO, _positive_part(parameter(margin) - input))
    return hinge + _choose(_is(target, -1), tape.ZERO, input)


def soft_margin(input: Array, target: Array) -> Array:
    """log(1 + exp(-t x))."""
    return _log1p(_exp(-target * input))


def multi_margin(input: Array, target: Array, weight: Array | None = None, p: int = 1, margin: float = 1.0) -> Array:
    """Sum over j other than t of w_t max(0, margin - x_t + x_j)^p, over the number of classes."""
    rows, labels = _rows(input), np.reshape(target, -1)
    losses = np.empty(len(labels), dtype=object)
    for n, (row, label) in enumerate(zip(rows, labels, strict=True)):
        hinges = [tape.positive_part(parameter(margin) - row[label] + x) for j, x in enumerate(row) if j != label]
        powers = [h * h if p == 2 else h for h in hinges]
        if weight is not None:
            powers = [weight[label] * h for h in powers]
        losses[n] = tape.total(powers) / len(row)
    return losses.reshape(np.shape(target))


def multilabel_margin(input: Array, target: Array) -> Array:
    """Sum over labels y before the first -1 and j that is no label of max(0, 1 - x_y + x_j), over the classes."""
    rows, labels = _rows(input), _rows(target)
    losses = np.empty(len(rows), dtype=object)
    for n, (row, listed) in enumerate(zip(rows, labels, strict=True)):
        stop = list(listed).index(-1) if -1 in listed else len(listed)
        wanted = [int(y) for y in listed[:stop]]
        others = [x for j, x in enumerate(row) if j not in wanted]
        losses[n] = tape.total(tape.positive_part(1 - row[y] + x) for y in wanted for x in others) / len(row)
    return losses.reshape(input.shape[:-1] if input.ndim == 2 else ())


def _rows(values: Array) -> Array:
    """A matrix as it is; a vector or a number as its only row."""
    return values if values.ndim == 2 else values.reshape(1, -1)


def triplet_margin(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
) -> Array:
    """max(0, margin + d(a, p) - d(a, n)) with d(x, y) = ||x - y + eps||_p; swap takes min(d(a, n), d(p, n))."""
    near = _distance(anchor, positive, p, eps)
    far = _distance(anchor, negative, p, eps)
    if swap:
        far = -np.frompyfunc(lambda a, b: tape.largest([a, b]), 2, 1)(-far, -_distance(positive, negative, p, eps))
    return _positive_part(parameter(margin) + near - far)


def _distance(x: Array, y: Array, p: float, eps: float) -> Array:
    sizes = _abs(x - y + parameter(eps))
    distances = np.empty(sizes.shape[:-1], dtype=object)
    for index in np.ndindex(distances.shape):
        distances[index] = _norm(sizes[index], p)
    return distances


def _norm(sizes: Array, p: float) -> Real:
    if p == 0:
        return real(sum(1 for s in sizes if s.value != 0))
    if math.isinf(p):
        return tape.largest(list(sizes)) if p > 0 else -tape.largest([-s for s in sizes])
    if p == 1:
        return tape.total(sizes)
    if p == 2:
        return tape.sqrt(tape.total(s * s for s in sizes))
    return tape.power(tape.total(tape.power(s, real(p)) for s in sizes), 1 / real(p))


COSINE_EPSILON = float(np.float32(1e-12))
"""What PyTorch adds to squared norms: it writes 1e-12 as a float32 constant."""


def cosine_embedding(input1: Array, input2: Array, target: Array, margin: float = 0.0) -> Array:
    """1 - cos where t = 1, max(0, cos - margin) where t = -1; cos = x1.x2 / sqrt((|x1|^2 + e) (|x2|^2 + e))."""
    first, second = _numbers(input1), _numbers(input2)
    norms = _squared_norms(input1) * _squared_norms(input2)
    cosine = _sum_last(first * second) / np.frompyfunc(tape.sqrt, 1, 1)(norms)
    unlike = _choose(_is(target, -1), _positive_part(cosine - parameter(margin)), tape.ZERO)
    return _choose(_is(target, 1), 1 - cosine, unlike)


def _squared_norms(rows: Array) -> Array:
    """|x|^2 + e of every row. Of integers, PyTorch's float32 of what their own arithmetic, which wraps, makes of it."""
    if rows.dtype == object:
        return _sum_last(rows * rows) + real(COSINE_EPSILON)
    with np.errstate(over="ignore"):
        squares = np.sum(rows * rows, axis=-1, dtype=np.int64).astype(np.float32) + np.float32(1e-12)
    return _reals(squares)


def _numbers(values: Array) -> Array:
    return values if values.dtype == object else _reals(values)


TERMS: dict[str, Callable[..., Array]] = {
    "l1": l1,
    "mse": mse,
    "smooth_l1": smooth_l1,
    "poisson_nll": poisson_nll,
    "kl_div": kl_div,
    "margin_ranking": margin_ranking,
    "hinge_embedding": hinge_embedding,
    "soft_margin": soft_margin,
    "multi_margin": multi_margin,
    "multilabel_margin": multilabel_margin,
    "triplet_margin": triplet_margin,
    "cosine_embedding": cosine_embedding,
}


@dataclass(frozen=True)
class Truth:
    """One element of an output: its true value, the unit of its budget, and whether it is a matter of choice."""

    value: mpf
    scale: mpf
    open: bool = False

    @property
    def defined(self) -> bool:
        """Whether the definition has one finite real value here."""
        return not self.open and bool(mp.isfinite(self.value) and mp.isfinite(self.scale))


Outputs = dict[str, list[Truth]]
"""Flattened elements by output name: `loss`, `grad/input` ..."""


def evaluate(call: Question, wanted: Sequence[str]) -> Outputs:
    """The outputs named in `wanted`. A missing upstream gradient is all ones; inputs that are not finite leave what
    depends on them open."""
    if call.loss == "ctc":
        outputs = _ctc_outputs(call)
        return {name: outputs[name] for name in wanted}
    formula = _formula(call)
    return {name: [_truth(number) for number in formula.output(name)] for name in wanted}


def magnitudes(call: Question, output: str, index: int) -> tuple[list[mpf], list[mpf]]:
    """The absolute values of the intermediates behind one element, as the formula is written: those of the loss (for a
    gradient only those of terms that its input enters), then those of the gradient. None for CTC."""
    if call.loss == "ctc":
        return [], []
    formula = _formula(call)
    if output == "loss":
        return _sizes(tape.ancestors(formula.losses[index])), []
    leaf = formula.leaves[_input_of(output)][index]
    entered = [node for term in formula.terms for node in tape.dependents(tape.ancestors(term), leaf)]
    return _sizes(entered), _sizes(tape.ancestors(formula.output(output)[index]))


def _sizes(nodes: Sequence[Real]) -> list[mpf]:
    return [abs(node.value) for node in nodes if node.parents and mp.isfinite(node.value)]


@dataclass(frozen=True)
class _Formula:
    """A call as Reals: its inputs, the terms, what the reduction makes of them, and what gradients are taken of."""

    leaves: dict[str, list[Real]]
    terms: list[Real]
    losses: list[Real]
    objective: Real

    def output(self, name: str) -> list[Real]:
        """The elements of `loss` or `grad/NAME`."""
        return self.losses if name == "loss" else tape.gradients(self.objective, self.leaves[_input_of(name)])


def _input_of(output: str) -> str:
    return output.removeprefix("grad/")


def _formula(call: Question) -> _Formula:
    reals = {n: v if _stays(call.loss, n, v) else _reals(v) for n, v in call.inputs.items()}
    array = TERMS[call.loss](**_arguments(call.loss, reals), **call.parameters)
    terms = list(np.ravel(np.asarray(array, dtype=object)))
    losses = _reduce(call, terms, reals)
    factors = [tape.ONE] * len(losses) if call.upstream is None else [_leaf(float(g)) for g in np.ravel(call.upstream)]
    objective = tape.total(value * factor for value, factor in zip(losses, factors, strict=True))
    return _Formula({name: list(np.ravel(values)) for name, values in reals.items()}, terms, losses, objective)


def _stays(loss: str, name: str, values: Array) -> bool:
    """Class indices are no numbers; integer vectors of cosine_embedding have an arithmetic of their own."""
    if loss == "cosine_embedding":
        return name != "target" and values.dtype.kind in "iu"
    return name == "target" and loss in ("multi_margin", "multilabel_margin")


def _reals(values: Array) -> Array:
    """Machine numbers as Reals; integers beyond 2^53 are rounded to nearest, as PyTorch promotes them."""
    reals = np.empty(values.shape, dtype=object)
    for index in np.ndindex(values.shape):
        reals[index] = _leaf(float(values[index]))
    return reals


def _leaf(value: float) -> Real:
    return Real(mpf(value) if math.isfinite(value) else mp.nan)


_ROWS = frozenset({"multi_margin", "multilabel_margin", "triplet_margin", "cosine_embedding"})


def _arguments(loss: str, reals: dict[str, Array]) -> dict[str, Array]:
    """Pointwise losses see vectors of the broadcast shape; losses over rows see at least one row."""
    if loss in ("multi_margin", "multilabel_margin"):
        return reals
    if loss in _ROWS:
        return {name: _vector_to_row(values, name) for name, values in reals.items()}
    shape = np.broadcast_shapes(*(values.shape for values in reals.values()))
    return {name: np.broadcast_to(values, shape).reshape(-1) for name, values in reals.items()}


def _vector_to_row(values: Array, name: str) -> Array:
    rank = 1 if name == "target" else 2
    return values.reshape((1,) * (rank - values.ndim) + values.shape) if values.ndim < rank else values


def _reduce(call: Question, terms: list[Real], reals: dict[str, Array]) -> list[Real]:
    """The loss's elements. A weighted mean of l1 and mse divides by the sum of weights."""
    if call.reduction == "none":
        return terms
    summed = tape.total(terms)
    if call.reduction == "sum":
        return [summed]
    if call.reduction == "batchmean":
        rows = reals["input"].shape
        return [summed / rows[0] if rows else summed]
    if call.loss in ("l1", "mse") and "weight" in reals:
        return [summed / tape.total(np.ravel(reals["weight"]))]
    return [summed / len(terms)]


def _truth(number: Real) -> Truth:
    if not mp.isfinite(number.value):
        return _OPEN
    return Truth(number.value, tape.scale(number), tape.at_kink(number))


_CTC_PRECISION = 400
"""Bits for sums of probabilities, where nothing cancels but the last difference and the logarithm near 1."""


@dataclass
class _Lattice:
    """One sequence: its frames of probabilities, the labels with blanks between them, and the path sums."""

    frames: list[list[mpf]]
    states: list[int]
    alpha: list[list[mpf]]
    beta: list[list[mpf]]

    @property
    def probability(self) -> mpf:
        """The total of all paths."""
        if not self.frames:
            return mpf(len(self.states) == 1)
        return mp.fsum(self.alpha[-1][-2:])


def _path_sums(frames: list[list[mpf]], states: list[int]) -> list[list[mpf]]:
    """alpha[t][s]: the sum over paths through frames 0..t that end in state s."""
    sums: list[list[mpf]] = []
    for t, frame in enumerate(frames):
        row = []
        for s, label in enumerate(states):
            if t == 0:
                reach = mpf(s < 2)
            else:
                reach = mp.fsum(sums[-1][max(s - 1, 0) : s + 1])
                if s > 1 and states[s - 2] != label:
                    reach += sums[-1][s - 2]
            row.append(reach * frame[label])
        sums.append(row)
    return sums


def _lattice(log_probs: Array, labels: Sequence[int], blank: int) -> _Lattice | None:
    """None where a number is not finite."""
    if not np.isfinite(log_probs).all():
        return None
    frames = [[mp.exp(mpf(float(value))) for value in frame] for frame in log_probs]
    states = [blank] + [state for label in labels for state in (label, blank)]
    backward = _path_sums(frames[::-1], states[::-1])
    return _Lattice(frames, states, _path_sums(frames, states), [row[::-1] for row in backward[::-1]])


def _ctc_outputs(call: Question) -> Outputs:
    inputs = call.inputs
    blank, zero_infinity = int(call.parameters.get("blank", 0)), bool(call.parameters.get("zero_infinity", False))
    log_probs = inputs["log_probs"]
    batch = log_probs if log_probs.ndim == 3 else log_probs[:, None, :]
    lengths = [int(n) for n in np.ravel(inputs["target_lengths"])]
    frames = [int(n) for n in np.ravel(inputs["input_lengths"])]
    labels = _ctc_labels(inputs["targets"], lengths, batched=log_probs.ndim == 3)
    weights = _ctc_weights(call.reduction, lengths)
    upstream = np.ones(1) if call.upstream is None else np.ravel(call.upstream)
    factors = np.broadcast_to(upstream, (len(lengths),))
    with mp.workprec(_CTC_PRECISION):
        lattices = [_lattice(batch[: frames[n], n], labels[n], blank) for n in range(len(lengths))]
        values = [_ctc_value(lattice, zero_infinity) for lattice in lattices]
        slopes = np.empty(batch.shape, dtype=object)
        for n, lattice in enumerate(lattices):
            slopes[:, n] = _ctc_slopes(lattice, batch[:, n], weights[n] * mpf(float(factors[n])), zero_infinity)
        return {"loss": _ctc_reduce(call.reduction, values, weights), "grad/log_probs": list(np.ravel(slopes))}


def _ctc_labels(targets: Array, lengths: Sequence[int], batched: bool) -> list[list[int]]:
    if batched and targets.ndim == 2:
        return [[int(y) for y in row[:n]] for row, n in zip(targets, lengths, strict=True)]
    ends = np.cumsum([0, *lengths])
    flat = [int(y) for y in np.ravel(targets)]
    return [flat[ends[i] : ends[i + 1]] for i in range(len(lengths))]


def _ctc_weights(reduction: str, lengths: Sequence[int]) -> list[mpf]:
    """What each sequence's loss is multiplied by: 1, or 1 / (N max(length, 1)) under mean."""
    if reduction != "mean":
        return [mpf(1)] * len(lengths)
    return [1 / mpf(len(lengths) * max(length, 1)) for length in lengths]


_OPEN = Truth(mp.nan, mp.nan, open=True)


def _ctc_value(lattice: _Lattice | None, zero_infinity: bool) -> Truth:
    if lattice is None:
        return _OPEN
    if lattice.probability == 0:
        return Truth(mpf(0), mpf(0)) if zero_infinity else _OPEN
    return Truth(-mp.log(lattice.probability), _ctc_depth(lattice))


def _ctc_reduce(reduction: str, values: list[Truth], weights: list[mpf]) -> list[Truth]:
    if reduction == "none":
        return values
    if any(v.open for v in values) or not values:
        return [_OPEN]
    pairs = list(zip(values, weights, strict=True))
    return [Truth(mp.fsum(v.value * w for v, w in pairs), mp.fsum(3 * v.scale * w for v, w in pairs))]


def _ctc_depth(lattice: _Lattice) -> mpf:
    """The scale of -log p: itself and, in every frame, the path sums and their logarithms by their posteriors."""
    result = abs(mp.log(lattice.probability))
    for t in range(len(lattice.frames)):
        for s, share in _posteriors(lattice, t):
            result += share * (1 + abs(mp.log(lattice.alpha[t][s])) + abs(mp.log(lattice.beta[t][s])))
    return result


def _posteriors(lattice: _Lattice, t: int) -> list[tuple[int, mpf]]:
    """The states that paths pass in frame t, with the share of the paths that do."""
    frame, z = lattice.frames[t], lattice.probability
    shares = [
        (s, lattice.alpha[t][s] * lattice.beta[t][s] / frame[state] / z) for s, state in enumerate(lattice.states)
    ]
    return [(s, share) for s, share in shares if share > 0]


def _ctc_slopes(lattice: _Lattice | None, log_probs: Array, factor: mpf, zero_infinity: bool) -> Array:
    """PyTorch's gradient: exp(log_probs) - posterior within the sequence, 0 after it and where no path is left."""
    slopes = np.full(log_probs.shape, Truth(mpf(0), mpf(0)), dtype=object)
    if lattice is None or not mp.isfinite(factor) or (lattice.probability == 0 and not zero_infinity):
        return np.full(log_probs.shape, _OPEN, dtype=object)
    if lattice.probability == 0:
        return slopes
    depth = _ctc_depth(lattice)
    for t, frame in enumerate(lattice.frames):
        posterior = [mpf(0)] * len(frame)
        for s, share in _posteriors(lattice, t):
            posterior[lattice.states[s]] += share
        for k, probability in enumerate(frame):
            unit = probability * (1 + abs(mpf(float(log_probs[t, k])))) + posterior[k] * (1 + depth)
            slopes[t, k] = Truth((probability - posterior[k]) * factor, unit * abs(factor))
    return slopes
