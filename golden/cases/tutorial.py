"""The `tutorial` suite: the examples of PyTorch's documentation of the thirteen losses, with their published answers.

Inputs are rounded to float32, as they were when the examples were run, and then taken as float64. Random inputs come
from numpy's RandomState (MT19937), whose streams do not change between versions of numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Json = dict[str, Any]

PUBLISHED: dict[str, float] = {
    "tutorial/kl_div/documented": -0.3335,
    "tutorial/multilabel_margin/documented": 0.4500,
    "tutorial/soft_margin/documented": 0.6764,
    "tutorial/multi_margin/documented": 0.6000,
    "tutorial/hinge_embedding/documented": 0.7667,
    "tutorial/cosine_embedding/documented": 0.5000,
}
"""Published values, to their four digits."""

INFEASIBLE = "tutorial/ctc/concatenated"
"""The case in which some sequences have more labels than their frames have room for."""


def cases() -> Iterator[Json]:
    """Every case, in the readable form of a JSON case; tensors are numpy arrays."""
    yield from _written_out()
    yield from _random_pairs()
    yield from _lines()
    yield from _ctc()


def _case(name: str, hunts: str, inputs: Json, **parameters: Any) -> Json:
    loss = name.split("/")[0]
    rounded = {k: _rounded(v) for k, v in inputs.items()}
    return {"id": f"tutorial/{name}", "loss": loss, "hunts": hunts, "params": parameters, "inputs": rounded}


def _rounded(values: Any) -> np.ndarray:
    """Numbers as float32 holds them, in float64; integers as they are."""
    array = np.asarray(values)
    return array if np.issubdtype(array.dtype, np.integer) else array.astype(np.float32).astype(np.float64)


def _written_out() -> Iterator[Json]:
    documented = "differs from the value that PyTorch's documentation or a well-known tutorial prints"
    yield _case(
        "kl_div/documented",
        documented,
        {"input": [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], "target": [[0.9, 0.05, 0.05], [0.1, 0.7, 0.2]]},
    )
    yield _case(
        "multilabel_margin/documented", documented, {"input": [[0.9, 0.2, 0.4, 0.8]], "target": [[3, 0, -1, 1]]}
    )
    pair = [[0.3, 0.7], [0.5, 0.5]]
    yield _case("soft_margin/documented", documented, {"input": pair, "target": [[-1.0, 1.0], [1.0, -1.0]]})
    yield _case("multi_margin/documented", documented, {"input": pair, "target": [0, 1]})
    yield _case("hinge_embedding/documented", documented, {"input": [[1.0, 0.8, 0.5]], "target": [[1.0, 1.0, -1.0]]})
    vectors = {"input1": [[0.3, 0.5, 0.7]] * 2, "input2": [[0.1, 0.3, 0.5]] * 2}
    yield _case("cosine_embedding/documented", documented, {**vectors, "target": [1.0, -1.0]})
    refused = _case(
        "cosine_embedding/documented-shape",
        "broadcasts a target of shape (1, 2), as PyTorch did when the example was published; it refuses it now",
        {**vectors, "target": [[1.0, -1.0]]},
    )
    yield {**refused, "expect": "reject"}


def _random_pairs() -> Iterator[Json]:
    """The documented calls on random normal inputs, each loss with its defaults."""
    hunts = "differs on an ordinary call with every default"
    random = np.random.RandomState(20231)
    for loss in ("l1", "mse", "smooth_l1"):
        yield _case(f"{loss}/defaults", hunts, {"input": random.randn(3, 5), "target": random.randn(3, 5)})
    yield _case("poisson_nll/defaults", hunts, {"input": random.randn(5, 2), "target": random.randn(5, 2)})
    ranked = {"input1": random.randn(3), "input2": random.randn(3), "target": np.sign(random.randn(3))}
    yield _case("margin_ranking/defaults", hunts, ranked)
    zero = "treats a label of 0, which sign() gives for ties, as 1 or -1"
    yield _case("margin_ranking/label-zero", zero, {**ranked, "target": np.sign([-0.7, 0.0, 1.2])})
    triplet = {name: random.randn(100, 128) for name in ("anchor", "positive", "negative")}
    yield _case("triplet_margin/defaults", hunts, triplet)
    yield _case(
        "triplet_margin/documented", "applies p before the differences are made positive", triplet, margin=1.0, p=2
    )


def _lines() -> Iterator[Json]:
    """The curves that tutorials plot."""
    line = {"input": np.linspace(-10, 10, 5000), "target": np.zeros(5000)}
    for loss in ("l1", "smooth_l1"):
        yield _case(f"{loss}/line", "bends the curve anywhere between -10 and 10", line, reduction="none")


def _ctc() -> Iterator[Json]:
    """T = 50 frames, C = 20 classes with the blank, N = 16 sequences, as documented."""
    random = np.random.RandomState(20232)
    log_probs = _log_softmax(random.randn(50, 16, 20))
    frames = np.full(16, 50)
    padded = {
        "log_probs": log_probs,
        "targets": random.randint(1, 20, (16, 30)),
        "input_lengths": frames,
        "target_lengths": random.randint(10, 30, 16),
    }
    yield _case("ctc/padded", "reads labels of the padding, or divides the mean by another count", padded)
    lengths = np.round(np.linspace(1, 49, 16)).astype(np.int64)
    concatenated = {
        "log_probs": log_probs,
        "targets": random.randint(1, 20, int(lengths.sum())),
        "input_lengths": frames,
        "target_lengths": lengths,
    }
    hunts = "misreads concatenated targets, or misses that repeated labels need more frames than there are"
    yield _case("ctc/concatenated", hunts, concatenated, reduction="none")
    yield _case("ctc/concatenated-zero-infinity", hunts, concatenated, zero_infinity=True)
    unbatched = {
        "log_probs": _log_softmax(random.randn(50, 20)),
        "targets": random.randint(1, 20, 12),
        "input_lengths": np.array(50),
        "target_lengths": np.array(12),
    }
    yield _case("ctc/unbatched", "refuses one sequence without a batch axis", unbatched)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
