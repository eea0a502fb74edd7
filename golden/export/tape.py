"""Real numbers with a memory: each knows how it was computed, so that derivatives and rounding scales follow.

A `Real` holds an mpmath number of `PRECISION` bits and the operation that made it. PRECISION is more than twice the
exponent range of binary64: sums of binary64 numbers and of products of two of them are exact, and what still cancels
in 1 + exp(z) lies below the smallest subnormal. So formulas are written as they stand in the documentation, and
nothing here is stabilised.

Three questions are answered by walking back over the operations:

* `gradients`: the derivatives, as Reals again (so that they have scales of their own);
* `scale`: |v| + sum over the rounded intermediates w behind v of |dv/dw| |w|, the unit of a rounding-error budget
  (inputs and constants are exact and add nothing);
* `at_kink`: whether v rests on a choice that mathematics leaves open (the sign of zero, a tie), or whose switch is
  so near zero that rounding decides it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import mpmath
from mpmath import mp, mpf

PRECISION = 4600
"""Bits of every number. 50 correct digits of a result remain after any cancellation above 2^-1074."""

mp.prec = PRECISION

UNIT = mpf(2) ** -53
"""u of binary64."""

BUDGET_UNITS = 8
"""k: a difference beyond k*u*scale is more than rounding."""

_SWEEP_PRECISION = 64


class Real:
    """A number, its parents, and a function that gives the partial derivatives to the parents."""

    __slots__ = ("value", "parents", "_partials", "kink")

    def __init__(
        self,
        value: mpf,
        parents: tuple[Real, ...] = (),
        partials: Callable[[], tuple[Real, ...]] | None = None,
        kink: bool = False,
    ) -> None:
        self.value = value
        self.parents = parents
        self._partials = partials
        self.kink = kink

    def partials(self) -> tuple[Real, ...]:
        """The derivatives of this number with respect to its parents."""
        return self._partials() if self._partials else ()

    def __add__(self, other: Operand) -> Real:
        if not isinstance(other, Operand):
            return NotImplemented
        other = real(other)
        return Real(self.value + other.value, (self, other), lambda: (ONE, ONE))

    def __sub__(self, other: Operand) -> Real:
        if not isinstance(other, Operand):
            return NotImplemented
        other = real(other)
        return Real(self.value - other.value, (self, other), lambda: (ONE, MINUS_ONE))

    def __mul__(self, other: Operand) -> Real:
        if not isinstance(other, Operand):
            return NotImplemented
        other = real(other)
        return Real(_times(self.value, other.value), (self, other), lambda: (other, self))

    def __truediv__(self, other: Operand) -> Real:
        if not isinstance(other, Operand):
            return NotImplemented
        other = real(other)
        quotient = Real(_over(self.value, other.value), (self, other))
        quotient._partials = lambda: (ONE / other, -(quotient / other))
        return quotient

    def __neg__(self) -> Real:
        return Real(-self.value, (self,), lambda: (MINUS_ONE,))

    def __abs__(self) -> Real:
        return Real(abs(self.value), (self,), lambda: (sign(self),))

    def __radd__(self, other: Operand) -> Real:
        return real(other) + self

    def __rsub__(self, other: Operand) -> Real:
        return real(other) - self

    def __rmul__(self, other: Operand) -> Real:
        return real(other) * self

    def __rtruediv__(self, other: Operand) -> Real:
        return real(other) / self


Operand = Real | mpf | float | int
"""What arithmetic takes beside a Real; arrays are left to numpy, element by element."""


def real(value: Operand) -> Real:
    """The exact constant or input; a Real is returned as it is."""
    return value if isinstance(value, Real) else Real(mpf(value))


ZERO = real(0)
ONE = real(1)
MINUS_ONE = real(-1)


def _times(a: mpf, b: mpf) -> mpf:
    return a * b if mpmath.isfinite(a) and mpmath.isfinite(b) else mp.nan


def _over(a: mpf, b: mpf) -> mpf:
    return a / b if b != 0 and mpmath.isfinite(a) and mpmath.isfinite(b) else mp.nan


def exp(x: Real) -> Real:
    """e^x."""
    result = Real(mp.exp(x.value), (x,))
    result._partials = lambda: (result,)
    return result


def log(x: Real) -> Real:
    """The natural logarithm; NaN where it is not a finite real number."""
    value = mp.log(x.value) if x.value > 0 else mp.nan
    return Real(value, (x,), lambda: (ONE / x,))


def log1p(x: Real) -> Real:
    """log(1 + x), where 1 + x is not a rounded intermediate."""
    return Real(mp.log(1 + x.value), (x,), lambda: (ONE / (ONE + x),))


def sqrt(x: Real) -> Real:
    """The square root. At 0 the derivative is infinite: 0 is taken and the choice marked."""
    result = Real(mp.sqrt(x.value) if x.value >= 0 else mp.nan, (x,))
    result._partials = lambda: (ONE / (result + result),) if x.value > 0 else (_choice(x, 0),)
    return result


def power(base: Real, exponent: Real) -> Real:
    """base^exponent for base >= 0. An infinite derivative at 0 is taken as 0 and the choice marked."""
    if base.value == 0:
        return _power_of_zero(base, exponent)
    result = Real(mp.power(base.value, exponent.value), (base, exponent))
    result._partials = lambda: (
        exponent * power(base, exponent - 1),
        result * log(base) if exponent.parents else ZERO,
    )
    return result


def _power_of_zero(base: Real, exponent: Real) -> Real:
    value = mpf(0) if exponent.value > 0 else mp.nan
    smooth = exponent.value > 1
    return Real(value, (base, exponent), lambda: (ZERO if smooth else _choice(base, 0), ZERO))


def undefined(*parents: Real) -> Real:
    """What depends on these and has no value: NaN, with derivatives of NaN."""
    return Real(mp.nan, parents, lambda: (Real(mp.nan),) * len(parents))


def sign(x: Real) -> Real:
    """-1, 0 or 1: a step, whose derivative is 0 and whose value at 0 is a choice."""
    return _choice(x, int(mp.sign(x.value))) if mp.isfinite(x.value) else undefined(x)


def positive_part(x: Real) -> Real:
    """max(x, 0)."""
    if not mp.isfinite(x.value):
        return undefined(x)
    return Real(max(x.value, mpf(0)), (x,), lambda: (_choice(x, int(x.value > 0)),))


def largest(values: Sequence[Real]) -> Real:
    """The maximum; the derivative goes to the first largest, a choice where two are nearly equal."""
    if not values:
        return ZERO
    if not all(mp.isfinite(v.value) for v in values):
        return undefined(*values)
    order = sorted(range(len(values)), key=lambda i: -values[i].value)
    winner = values[order[0]]
    gap = winner - values[order[1]] if len(values) > 1 else ONE
    return Real(winner.value, (winner,), lambda: (_choice(gap, 1),))


def total(values: Iterable[Real]) -> Real:
    """The sum, as one rounded result; no terms sum to 0."""
    terms = tuple(values)
    return Real(mp.fsum(t.value for t in terms), terms, lambda: (ONE,) * len(terms))


def _choice(switch: Real, chosen: int) -> Real:
    """A step function of `switch`: constant but for a kink where the switch is, or rounds to, 0."""
    return Real(mpf(chosen), (switch,), lambda: (ZERO,), kink=_near_zero(switch))


def _near_zero(switch: Real) -> bool:
    largest_parent = max((abs(p.value) for p in switch.parents), default=mpf(0))
    if abs(switch.value) > largest_parent * mpf(2) ** -20:
        return False
    return abs(switch.value) <= BUDGET_UNITS * UNIT * scale(switch)


def ancestors(node: Real) -> list[Real]:
    """The node and all that it depends on, each after everything that depends on it."""
    order: list[Real] = []
    seen: set[int] = set()
    stack: list[tuple[Real, bool]] = [(node, False)]
    while stack:
        current, expanded = stack.pop()
        if expanded:
            order.append(current)
        elif id(current) not in seen:
            seen.add(id(current))
            stack.append((current, True))
            stack.extend((parent, False) for parent in current.parents)
    return order[::-1]


def dependents(nodes: Sequence[Real], leaf: Real) -> list[Real]:
    """Those of the nodes, in the order that `ancestors` gives, that depend on the leaf."""
    touched = {id(leaf)}
    found = []
    for node in reversed(nodes):
        if any(id(parent) in touched for parent in node.parents):
            touched.add(id(node))
            found.append(node)
    return found


def gradients(output: Real, inputs: Sequence[Real]) -> list[Real]:
    """d output / d input for every input, 0 where the output does not depend on it."""
    adjoint: dict[int, Real] = {id(output): ONE}
    for node in ancestors(output):
        upstream = adjoint.get(id(node))
        if upstream is None or not node.parents:
            continue
        for parent, partial in zip(node.parents, node.partials(), strict=True):
            step = partial if upstream is ONE else upstream if partial is ONE else upstream * partial
            known = adjoint.get(id(parent))
            adjoint[id(parent)] = step if known is None else known + step
    return [adjoint.get(id(node), ZERO) for node in inputs]


def scale(output: Real) -> mpf:
    """|output| + the sum of |d output / d w| |w| over the rounded intermediates w behind it."""
    result = mpf(0)
    weight: dict[int, mpf] = {id(output): mpf(1)}
    for node in ancestors(output):
        slope = weight[id(node)] if id(node) in weight else mpf(0)
        if not node.parents or slope == 0:
            continue
        partials = node.partials()
        with mp.workprec(_SWEEP_PRECISION):
            result += abs(slope * node.value)
            for parent, partial in zip(node.parents, partials, strict=True):
                weight[id(parent)] = weight.get(id(parent), mpf(0)) + slope * partial.value
    return result if output.parents else abs(output.value)


def at_kink(output: Real) -> bool:
    """Whether the number rests on a choice that mathematics, or rounding, leaves open."""
    return any(node.kink for node in ancestors(output))
