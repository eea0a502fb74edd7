"""PyTorch itself: lossproof certify "exec:python3 tools/adapters/python/examples/torch_losses.py"

Every loss by torch.nn.functional, every gradient by autograd, on one thread, in whatever dtype a case asks for."""

from __future__ import annotations

import inspect
import warnings

from lossproof_adapter import Case, Reject, claim_stdout, serve

claim_stdout()

import numpy as np
import torch
import torch.nn.functional as F

LOSSES = (
    "cosine_embedding", "ctc", "hinge_embedding", "kl_div", "l1", "margin_ranking", "mse", "multi_margin",
    "multilabel_margin", "poisson_nll", "smooth_l1", "soft_margin", "triplet_margin",
)  # fmt: skip
DTYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
warnings.simplefilter("ignore")


def function_of(loss: str):
    return getattr(F, f"{loss}_loss", None) or getattr(F, loss)


DECLARED = {loss: inspect.signature(function_of(loss)).parameters for loss in LOSSES}


def typed(value, annotation: str):
    """JSON does not tell 2 from 2.0; PyTorch does."""
    if "int" in annotation and float(value).is_integer():
        return int(value)
    return float(value) if "float" in annotation else value


def tensor(array: np.ndarray, dtype: str) -> torch.Tensor:
    made = torch.from_numpy(np.array(array))
    return made.to(torch.bfloat16) if dtype == "bfloat16" else made


def array(made: torch.Tensor) -> np.ndarray:
    made = made.detach()
    return (made.float() if made.dtype == torch.bfloat16 else made).numpy()


def refuse_wild_labels(case: Case) -> None:
    """ctc_loss uses the labels within target_lengths as addresses without a look at them."""
    log_probs, targets = case.log_probs, case.targets
    lengths = np.ravel(case.target_lengths).astype(np.int64)
    if targets.ndim == 2 and targets.shape[0] == len(lengths):
        targets = targets[np.arange(targets.shape[1]) < lengths[:, None]]
    classes = log_probs.shape[-1] if log_probs.ndim else 0
    if np.any((targets < 0) | (targets >= max(classes, 1))):
        raise Reject("not asked: PyTorch reads out of bounds for a label outside 0 .. C-1")


def upstream_of(case: Case, loss: torch.Tensor) -> torch.Tensor:
    if case.grad_output is None:
        return torch.ones_like(loss)
    return torch.from_numpy(np.array(case.grad_output)).to(loss.dtype)


def ask(case: Case) -> dict[str, np.ndarray]:
    if case.loss == "ctc":
        refuse_wild_labels(case)
    inputs = {name: tensor(values, case.dtypes[name]) for name, values in case.inputs.items()}
    params = {name: typed(value, str(DECLARED[case.loss][name].annotation)) for name, value in case.params.items()}
    wanted = [name[5:] for name in case.want if name != "loss"]
    for name in wanted:
        inputs[name].requires_grad_()
    loss = function_of(case.loss)(**inputs, **params, reduction=case.reduction)
    outputs = {"loss": array(loss)}
    if wanted and loss.requires_grad:
        upstream = upstream_of(case, loss)
        slopes = torch.autograd.grad(loss, [inputs[n] for n in wanted], upstream, materialize_grads=True)
        outputs.update({f"grad/{name}": array(slope) for name, slope in zip(wanted, slopes)})
    return outputs


def answer(case: Case) -> dict[str, np.ndarray]:
    """Whatever PyTorch raises is its way to reject a case."""
    try:
        return ask(case)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise Reject(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}") from None


if __name__ == "__main__":
    serve({loss: answer for loss in LOSSES}, name="pytorch", version=torch.__version__, dtypes=list(DTYPES))
