"""Rewrites that change no result beyond rounding, and must go unnoticed."""

from elman_np.checking.mistakes.planting import Change

REWRITES = (
    Change(
        name="sums in another order",
        what="The rows are added from the last to the first.",
        file="bptt.py",
        old="db_h = np.ones(len(da), da.dtype) @ da",
        new="db_h = np.add.reduce(da[::-1], axis=0)",
    ),
    Change(
        name="einsum",
        what="dw_h by another routine.",
        file="bptt.py",
        old="da_t.T @ h_before for",
        new='np.einsum("ri,rj->ij", da_t, h_before) for',
    ),
    Change(
        name="transpose copied",
        what="Another memory layout takes BLAS another way.",
        file="bptt.py",
        old="dw_x = da.T @ x",
        new="dw_x = da.T.copy() @ x",
    ),
    Change(
        name="units in another order",
        what="The recurrent sum runs from the last unit to the first.",
        file="bptt.py",
        old="dot(before, w_h_t, carried)",
        new="dot(before[:, ::-1], params.w_h.T[::-1], carried)",
    ),
    Change(
        name="slope as a product",
        what="(1 - h) (1 + h), which rounds otherwise than 1 - h^2.",
        file="bptt.py",
        old="np.subtract(1, out, out=out)",
        new="np.multiply(1 - h, 1 + h, out=out)",
    ),
    Change(
        name="2 / n in two steps",
        what="Multiply by 2 and divide by n.",
        file="losses.py",
        old="residual * (2 / y.size)",
        new="residual * 2 / y.size",
    ),
    Change(
        name="m by interpolation",
        what="m + (1 - beta_1) (g - m), as PyTorch writes it.",
        file="adam.py",
        old="m = beta_1 * m + (1 - beta_1) * g",
        new="m = m + (1 - beta_1) * (g - m)",
    ),
    Change(
        name="v_hat before its root",
        what="The root of v / (1 - beta_2^t).",
        file="adam.py",
        old="np.sqrt(v_max) / math.sqrt(1 - beta_2**step)",
        new="np.sqrt(v_max / (1 - beta_2**step))",
    ),
)
