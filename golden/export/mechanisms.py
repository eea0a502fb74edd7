"""Why PyTorch is wrong where it is: the names of errata, their summaries and upstream sources.

The mechanism is read off the written formula: which of its intermediates leaves binary64's range at these inputs.
"""

from __future__ import annotations

import math

import numpy as np
from mpmath import mpf

import definitions
from calls import Question

_ATEN = "aten/src/ATen/native/"
_FUNCTIONAL = "torch/nn/functional.py: "
_LOSS = _ATEN + "Loss.cpp: "

_SMALL = "; PyTorch returns 0, or the few bits that are left"

MECHANISMS: dict[str, tuple[str, str]] = {
    "l1.overflow": (
        "the difference, the sum before it is divided, or the product with a weight overflows, although the loss or"
        " the gradient is within range; 0 times the infinity is NaN",
        _LOSS + "l1_loss; " + _FUNCTIONAL + "l1_loss",
    ),
    "l1.underflow": (
        "the quotient of the upstream gradient and the sum of the weights underflows before it is multiplied by a "
        "large weight" + _SMALL,
        _FUNCTIONAL + "l1_loss",
    ),
    "mse.overflow": (
        "the square of the difference, the sum of the squares, or twice the difference overflows before a small "
        "weight, the division or a small upstream gradient brings it back; 0 times the infinity is NaN",
        _LOSS + "mse_loss, mse_loss_backward; " + _FUNCTIONAL + "mse_loss",
    ),
    "mse.underflow": (
        "the square of the difference, or a quotient by the sum of the weights, underflows before it is multiplied "
        "by a large weight" + _SMALL,
        _LOSS + "mse_loss_backward; " + _FUNCTIONAL + "mse_loss",
    ),
    "smooth_l1.overflow": (
        "0.5 d d overflows before it is divided by a large beta, or the sum before it is divided by the count",
        _LOSS + "smooth_l1_loss, smooth_l1_backward",
    ),
    "smooth_l1.underflow": (
        "0.5 d d, or the product of d and the upstream gradient, underflows before it is divided by a tiny beta"
        + _SMALL,
        _LOSS + "smooth_l1_loss, smooth_l1_backward",
    ),
    "poisson_nll.overflow": (
        "exp(input), or a product with target, overflows before a small upstream gradient, the division by the "
        "count or another term brings it back; 0 times the infinity is NaN",
        _LOSS + "poisson_nll_loss",
    ),
    "poisson_nll.underflow": (
        "exp(input), or a product with the upstream gradient, underflows before it is multiplied by a large number"
        + _SMALL,
        _LOSS + "poisson_nll_loss",
    ),
    "poisson_nll.integers-in-float32": (
        "the exponential, the logarithm or the sum with eps of an integer tensor is taken in float32, PyTorch's "
        "default dtype, although the loss is of float64",
        _LOSS + "poisson_nll_loss",
    ),
    "poisson_nll.masked-stirling-gradient": (
        "under full=True the Stirling term of targets up to 1 is masked after it is computed, so that the NaN of "
        "log(t) at t <= 0 reaches the gradient of target as 0 times NaN; the term is not there, and the gradient is"
        " that of the rest",
        _LOSS + "poisson_nll_loss",
    ),
    "kl_div.overflow": (
        "exp(target) overflows before it is multiplied by a small difference or a small upstream gradient, or t log"
        " t and t x both overflow and their difference is NaN",
        _LOSS + "kl_div",
    ),
    "kl_div.underflow": (
        "exp(target), or the product of a subnormal target with the upstream gradient, loses its bits before it is "
        "multiplied by a large difference, or divided by the target again in the gradient of xlogy" + _SMALL,
        _LOSS + "kl_div; tools/autograd/derivatives.yaml: xlogy",
    ),
    "margin_ranking.overflow": (
        "x1 - x2 overflows before it is multiplied by a small target; 0 times the infinity is NaN where the loss is"
        " the margin",
        _LOSS + "margin_ranking_loss",
    ),
    "margin_ranking.underflow": (
        "target (x1 - x2) underflows to 0, so that the hinge looks as if it were met exactly, and clamp_min passes "
        "a gradient on where the hinge is strictly negative",
        _LOSS + "margin_ranking_loss",
    ),
    "hinge_embedding.overflow": (
        "margin - input overflows, or the sum before it is divided by the count",
        _LOSS + "hinge_embedding_loss",
    ),
    "soft_margin.overflow": (
        "exp(-t x) overflows from 709.79 on: the loss log1p(exp(-t x)) is infinite, not -t x, and its gradient, "
        "infinity over infinity, NaN, not -t; NaN too where the upstream gradient is 0",
        _LOSS + "soft_margin_loss, soft_margin_loss_backward_out",
    ),
    "soft_margin.underflow": (
        "exp(-t x) underflows before it is multiplied by a large upstream gradient" + _SMALL,
        _LOSS + "soft_margin_loss_backward_out",
    ),
    "soft_margin.unsigned-target": (
        "the gradient negates a uint8 target in uint8, 1 becomes 255, and computes exp(255 x) for exp(-x); the loss"
        " is right",
        _LOSS + "soft_margin_loss_backward_out",
    ),
    "multi_margin.overflow": (
        "the hinges, their squares or their sum over the classes overflow before the weight or the division by the "
        "number of classes brings them back",
        _ATEN + "LossMultiMargin.cpp",
    ),
    "multi_margin.underflow": (
        "the square of a hinge, or a product with the upstream gradient, underflows before it is multiplied by a "
        "large weight" + _SMALL,
        _ATEN + "LossMultiMargin.cpp",
    ),
    "multi_margin.unwritten-empty-loss": (
        "the sum over an empty batch is memory that was never written (NaN in PyTorch's deterministic mode), not 0",
        _ATEN + "LossMultiMargin.cpp",
    ),
    "multilabel_margin.overflow": (
        "the hinges or their sum over the classes overflow before the division by the number of classes brings them"
        " back",
        _ATEN + "LossMultiLabelMargin.cpp",
    ),
    "multilabel_margin.unwritten-empty-loss": (
        "the sum over an empty batch is memory that was never written (NaN in PyTorch's deterministic mode), not 0",
        _ATEN + "LossMultiLabelMargin.cpp",
    ),
    "triplet_margin.overflow": (
        "powers of the differences overflow before the root is taken (squares from 1.3e154, p = 100 from 1.2e3), or"
        " the root itself for small p: distances are infinite, their difference NaN, gradients NaN or 0",
        _ATEN + "Distance.cpp: pairwise_distance; " + _LOSS + "triplet_margin_loss",
    ),
    "triplet_margin.underflow": (
        "powers of the differences underflow before the root is taken (squares below 1.6e-162, p = 100 below "
        "5.8e-4): distances are 0 or lose their bits, gradients are 0",
        _ATEN + "Distance.cpp: pairwise_distance; " + _LOSS + "triplet_margin_loss",
    ),
    "cosine_embedding.overflow": (
        "the product of the squared norms overflows from norms of 1.2e77 on, each square from 1.3e154: the cosine "
        "is 0 or NaN and gradients vanish or are NaN, also in rows whose label is neither 1 nor -1",
        _LOSS + "cosine_embedding_loss",
    ),
    "cosine_embedding.underflow": (
        "products of components or with the upstream gradient underflow before they are divided by small norms"
        + _SMALL,
        _LOSS + "cosine_embedding_loss",
    ),
    "ctc.overflow": (
        "exp(log_probs), or a sum of log_probs, overflows although the loss or the gradient, times a small upstream"
        " gradient, is within range; 0 times the infinity is NaN",
        _ATEN + "LossCTC.cpp: ctc_loss_cpu_template, ctc_loss_backward_cpu_template",
    ),
    "ctc.underflow": (
        "a posterior underflows before it is multiplied by a large upstream gradient" + _SMALL,
        _ATEN + "LossCTC.cpp: ctc_loss_backward_cpu_template",
    ),
    "ctc.blank-label-gradient": (
        "where a target holds the blank, the last label's share of the last frame overwrites the final blank's "
        "share of the same class instead of being added to it: the posterior, and so the gradient, is wrong; the "
        "loss is right",
        _ATEN + "LossCTC.cpp: ctc_loss_backward_cpu_template",
    ),
}
"""Summary and source by name, LOSS.MECHANISM."""

LARGEST = mpf(2) ** 1024
SMALLEST_NORMAL = mpf(2) ** -1022


def name_of(call: Question, output: str, index: int, pytorch: float) -> str:
    """The erratum that this wrong element belongs to."""
    kind = _special(call, output, index, pytorch) or _by_range(call, output, index, pytorch)
    return f"{call.loss}.{kind}"


def _special(call: Question, output: str, index: int, pytorch: float) -> str | None:
    if call.loss == "poisson_nll" and output == "grad/target" and call.parameters.get("full") and math.isnan(pytorch):
        return "masked-stirling-gradient" if call.inputs["target"].ravel()[index] <= 0 else None
    if call.loss == "poisson_nll" and math.isfinite(pytorch) and _has_integers(call):
        return "integers-in-float32"
    if call.loss in ("multi_margin", "multilabel_margin") and output == "loss" and call.inputs["input"].size == 0:
        return "unwritten-empty-loss"
    if call.loss == "soft_margin" and call.inputs["target"].dtype == np.uint8:
        return "unsigned-target"
    if call.loss == "ctc" and output != "loss" and call.parameters.get("blank", 0) in call.inputs["targets"]:
        return "blank-label-gradient"
    return None


def _has_integers(call: Question) -> bool:
    return any(array.dtype.kind in "iub" for array in call.inputs.values())


def _by_range(call: Question, output: str, index: int, pytorch: float) -> str:
    if not math.isfinite(pytorch):
        return "overflow"
    for sizes in definitions.magnitudes(call, output, index):
        if any(size >= LARGEST for size in sizes):
            return "overflow"
        if any(0 < size < SMALLEST_NORMAL for size in sizes):
            return "underflow"
    return "underflow" if call.loss == "ctc" else "rounding"
