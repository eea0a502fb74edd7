"""smooth_l1 in numpy: lossproof certify "exec:python3 tools/adapters/python/examples/numpy_smooth_l1.py" """

import numpy as np
from lossproof_adapter import Reject, serve, sum_to

np.seterr(all="ignore")

MANIFEST = {"dtypes": ["float64", "float32"], "special_values": False, "validates": False}


def smooth_l1(case):
    if case.reduction not in ("none", "mean", "sum") or not case.beta >= 0:
        raise Reject("reduction or beta")
    d = np.subtract(case.input, case.target)
    n = d.size if case.reduction == "mean" else 1
    near, ratio = np.abs(d) < case.beta, np.divide(d, case.beta)
    value = np.where(near, 0.5 * d * ratio, np.abs(d) - 0.5 * case.beta)
    slope = np.where(near, ratio, np.sign(d)) * np.divide(1.0 if case.grad_output is None else case.grad_output, n)
    loss = value if case.reduction == "none" else np.divide(value.sum(), n)
    return loss, sum_to(slope, case.input.shape), sum_to(-slope, case.target.shape)


if __name__ == "__main__":
    serve({"smooth_l1": smooth_l1}, name="numpy", version=np.__version__, **MANIFEST)
