"""Mistakes of the gradients of the arrays: sums over steps and batch."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="input gradients in reverse",
        what="dx_t in the order in which the loop finds them: the last step first.",
        hint="T = 1 hides it, and so does looking at the parameters alone.",
        file="bptt.py",
        old="_product(da, tape.params.w_x)",
        new="_product(da[::-1], tape.params.w_x)",
    ),
    Mistake(
        name="dw_x with the input before",
        what="x_{t-1} in place of x_t in dw_x.",
        hint="dw_x pairs da_t with the input of the same step.",
        file="bptt.py",
        old="dw_x = da.T @ x",
        new="dw_x = da.T @ np.roll(x, plan.stretches * tape.x.shape[1], axis=0)",
    ),
    Mistake(
        name="dw_h with the state after the step",
        what="h_t in place of h_{t-1} in dw_h.",
        hint="w_h multiplied h_{t-1}, so its gradient does.",
        file="bptt.py",
        old="dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs])",
        new="dw_h = da.T @ h",
    ),
    Mistake(
        name="dw_h with the next state",
        what="h_{t+1} in place of h_{t-1} in dw_h.",
        hint="Every other gradient is exact: look at dw_h itself.",
        file="bptt.py",
        old="dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs])",
        new="dw_h = da.T @ _flat(np.roll(states, -2 * plan.stretches, axis=0)[: len(tape.x)])",
    ),
    Mistake(
        name="dw_h without the first state",
        what="h_0 counts as zero in dw_h.",
        hint="Give h_0 that is not zero; T = 1 shows it best.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=("plan, states = tape.plan, tape.states.copy()\n    states[: plan.stretches] = 0\n"),
    ),
    Mistake(
        name="dw_h transposed",
        what="h_{t-1}^T da_t in place of da_t^T h_{t-1}.",
        hint="It has the right shape, for w_h is square: compare the numbers.",
        file="bptt.py",
        old="da_t.T @ h_before for",
        new="h_before.T @ da_t for",
    ),
    Mistake(
        name="= for += over the steps",
        what="Each step overwrites the parameters' gradients: only the one visited last, t = 1, is left.",
        hint="T = 1 hides it.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=(
            "plan, states = tape.plan, tape.states\n"
            "    da, dy = da.copy(), dy.copy()\n"
            "    da[plan.stretches :], dy[plan.stretches :] = 0, 0\n"
        ),
    ),
    Mistake(
        name="= for += over the stretches",
        what="With resets, only the steps that are left at the end count for the parameters.",
        hint="Let reset_every not divide T.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=(
            "plan, states = tape.plan, tape.states\n"
            "    time = _side_by_side(plan, np.arange(len(da)))\n"
            "    kept = time >= len(da) - plan.last\n"
            "    da, dy = (z * kept[:, None, None] for z in (da, dy))\n"
        ),
    ),
    Mistake(
        name="first step skipped",
        what="The loop over steps ends before t = 1.",
        hint="range(T - 1, 0, -1) leaves out 0.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=(
            "plan, states = tape.plan, tape.states\n"
            "    da, dy = da.copy(), dy.copy()\n"
            "    da[: plan.stretches], dy[: plan.stretches] = 0, 0\n"
        ),
    ),
    Mistake(
        name="last step skipped",
        what="The loop over steps starts before t = T.",
        hint="range(T - 2, ...) leaves out the last one.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=(
            "plan, states = tape.plan, tape.states\n"
            "    da, dy = da.copy(), dy.copy()\n"
            "    da[-1:], dy[-1:] = 0, 0\n"
        ),
    ),
    Mistake(
        name="mean for sum in db_h",
        what="db_h is the mean over steps and batch.",
        hint="If the loss is a mean, dy has its 1/n already.",
        file="bptt.py",
        old="db_h = np.ones(len(da), da.dtype) @ da",
        new="db_h = da.mean(axis=0)",
    ),
    Mistake(
        name="first row skipped in db_h",
        what="db_h lacks the first step's first row.",
        hint="T = 1, B = 1 shows it at once: the gradient is zero.",
        file="bptt.py",
        old="db_h = np.ones(len(da), da.dtype) @ da",
        new="db_h = da[1:].sum(axis=0)",
    ),
    Mistake(
        name="dw_y with the state before",
        what="h_{t-1} in place of h_t in dw_y.",
        hint="w_y multiplied h_t.",
        file="bptt.py",
        old="dw_y = dy.T @ h\n",
        new="dw_y = dy.T @ _flat(states[: len(tape.x)])\n",
    ),
    Mistake(
        name="mean for sum in db_y",
        what="db_y is the mean over steps and batch.",
        hint="If the loss is a mean, dy has its 1/n already.",
        file="bptt.py",
        old="db_y = dy.sum(axis=0)",
        new="db_y = dy.mean(axis=0)",
    ),
    Mistake(
        name="gradient clipped in silence",
        what="dw_h is limited to +-5 inside backward.",
        hint="Scale the upstream gradient by 1000: every gradient must scale with it.",
        file="bptt.py",
        old="dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs])",
        new="dw_h = np.clip(reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs]), -5, 5)",
    ),
    Mistake(
        name="tiny gradients set to zero",
        what="Entries of dw_h below 1e-6 become 0.",
        hint="Use an upstream gradient of 1e-8: a relative comparison shows it.",
        file="bptt.py",
        old="dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs])",
        new=(
            "dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs])\n"
            "    dw_h *= np.abs(dw_h) >= 1e-6"
        ),
    ),
    Mistake(
        name="dw_x off by 1e-5",
        what="dw_x is too large by a factor of 1 + 1e-5.",
        hint="Usual tolerances let it pass.",
        file="bptt.py",
        old="dw_x = da.T @ x",
        new="dw_x = (da.T @ x) * (1 + 1e-5)",
    ),
    Mistake(
        name="dw_h off by 1e-9",
        what="dw_h is too large by a factor of 1 + 1e-9.",
        hint="Only a tolerance that knows the rounding errors shows it.",
        hidden_in_float32="1 + 1e-9 is 1 in float32: nothing changes.",
        file="bptt.py",
        old="dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs])",
        new="dw_h = reduce(np.add, [da_t.T @ h_before for da_t, h_before in pairs]) * (1 + 1e-9)",
    ),
    Mistake(
        name="remainder after the resets left out",
        what="With resets, the steps that are left at the end count for no parameter.",
        hint="Let reset_every not divide T.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=(
            "plan, states = tape.plan, tape.states\n"
            "    time = _side_by_side(plan, np.arange(len(da)))\n"
            "    kept = (time < len(da) - plan.last) | (len(plan.spans) == 1)\n"
            "    da, dy = (z * kept[:, None, None] for z in (da, dy))\n"
        ),
    ),
    Mistake(
        name="rows beyond the 64th left out",
        what="The sums run over the first 64 rows of the batch.",
        hint="Small batches hide it.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=(
            "plan, states = tape.plan, tape.states\n"
            "    da, dy = da.copy(), dy.copy()\n"
            "    da[:, 64:], dy[:, 64:] = 0, 0\n"
        ),
    ),
    Mistake(
        name="h_0 read from index -1",
        what="The state before the first step is taken from the end of the list of states: h_T.",
        hint="In Python, index -1 is no error. Give h_0 that is not the last state.",
        file="bptt.py",
        old="plan, states = tape.plan, tape.states\n",
        new=("plan, states = tape.plan, tape.states.copy()\n    states[: plan.stretches] = states[-1]\n"),
    ),
    Mistake(
        name="gradients laid in another order",
        what="dw_y stands in the vector where db_h belongs, and the other way.",
        hint="With one output both have H numbers, and nothing else shows it.",
        file="bptt.py",
        old="flatten((dw_x, dw_h, db_h, dw_y, db_y))",
        new="flatten((dw_x, dw_h, dw_y, db_h, db_y))",
    ),
    Mistake(
        name="views in another order",
        what="The vector is cut as if w_h stood in front of w_x.",
        hint="Two networks whose vectors are the same are not the same then; H = I hides the shapes.",
        file="parameters.py",
        old='        "w_x": (hidden_size, input_size),\n        "w_h": (hidden_size, hidden_size),',
        new='        "w_h": (hidden_size, hidden_size),\n        "w_x": (hidden_size, input_size),',
    ),
)
