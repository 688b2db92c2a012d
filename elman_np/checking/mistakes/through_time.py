"""Mistakes on the way back through the steps, and at the initial state."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="recurrent term left out",
        what="dh_t is dh_out alone: nothing comes back from the future.",
        hint="Every gradient but those of w_y and b_y is wrong as soon as T is 2.",
        file="bptt.py",
        old="np.add(da_t, dh_next, out=dh)",
        new="np.copyto(dh, da_t)",
    ),
    Mistake(
        name="w_h transposed on the way back",
        what="dh_next = da w_h^T in place of da w_h.",
        hint="Forward, rows meet w_h^T; backward, w_h itself. H = 1 hides it, and so do tiny weights.",
        file="bptt.py",
        old="dot(da_t, w_h, dh_next)",
        new="dot(da_t, w_h.T, dh_next)",
    ),
    Mistake(
        name="the loop runs forwards in time",
        what="The way back goes from the first step to the last: dh_t meets what step t - 1 has sent.",
        hint="dh_next comes from the future: begin at the last step, as reversed(range(T)) does.",
        file="bptt.py",
        old="in zip(reversed(range(len(das))), das[::-1], slopes[::-1], strict=True):",
        new="in zip(range(len(das)), das, slopes, strict=True):",
    ),
    Mistake(
        name="upstream gradient at the last step only",
        what="Only the loss at step T is propagated.",
        hint="A random upstream gradient at every step shows it; a loss on the last output hides it.",
        file="bptt.py",
        old="_dot(_flat(dy), tape.params.w_y, out=_flat(da))",
        new="_dot(_flat(dy), tape.params.w_y, out=_flat(da))\n    da[:-1] = 0",
    ),
    Mistake(
        name="truncated after four steps",
        what="The gradient is cut every four steps although no chunk is asked for.",
        hint="Let T be longer than any bptt_truncate in the code.",
        file="bptt.py",
        old="if chunk is not None and t > 0 and t % chunk == 0:",
        new="if t > 0 and t % (chunk or 4) == 0:",
    ),
    Mistake(
        name="chunks that cut nothing",
        what="The gradient flows through the borders of chunks.",
        hint="Compare with detach() at the same borders.",
        file="bptt.py",
        old="if chunk is not None and t > 0 and t % chunk == 0:",
        new="if chunk == 0:",
    ),
    Mistake(
        name="chunks cut a step late",
        what="The gradient is cut one step after the border.",
        hint="The border is before the steps 0, k, 2 k, ... counted from 0.",
        file="bptt.py",
        old="t % chunk == 0:\n                dh_next",
        new="t % chunk == 1:\n                dh_next",
    ),
    Mistake(
        name="gradient of the last state ignored",
        what="dh_n, the upstream gradient of h_n, is not used.",
        hint="Let the loss depend on h_n itself.",
        file="bptt.py",
        old="dh_nexts[0] = dh_n",
        new="pass",
    ),
    Mistake(
        name="gradient of the last state at every reset",
        what="dh_n enters at the end of every stretch.",
        hint="Resets with dh_n that is not zero.",
        file="bptt.py",
        old="dh_nexts[0] = dh_n",
        new="dh_nexts[:] = dh_n",
    ),
    Mistake(
        name="recurrent gradient clipped",
        what="dh_next is limited to +-1 on its way back.",
        hint="Scale the upstream gradient by 1000: every gradient must scale with it.",
        file="bptt.py",
        old="dot(da_t, w_h, dh_next)",
        new="np.clip(da_t @ tape.params.w_h, -1, 1, out=dh_next)",
    ),
    Mistake(
        name="recurrent gradient in float32",
        what="dh_next passes through float32 in a float64 network.",
        hint="An error of 1e-8 is not rounding in float64.",
        hidden_in_float32="A float32 network carries float32: nothing changes.",
        file="bptt.py",
        old="dot(da_t, w_h, dh_next)",
        new="dh_next[:] = (da_t @ tape.params.w_h).astype(np.float32)",
    ),
    Mistake(
        name="gradient of h_0 a hop short",
        what="da_1 in place of da_1 w_h.",
        hint="h_0 enters a_1 through w_h.",
        file="bptt.py",
        old="dh_0 = dh_nexts.sum(axis=0)",
        new="dh_0 = da[: plan.stretches].sum(axis=0)",
    ),
    Mistake(
        name="gradient of h_0 left zero",
        what="No gradient for the first state.",
        hint="Whoever learns h_0, or chains networks, needs it. With chunks: no border is before step 0.",
        file="bptt.py",
        old="dh_0 = dh_nexts.sum(axis=0)",
        new="dh_0 = np.zeros_like(dh_n)",
    ),
    Mistake(
        name="gradient of h_0 from the first stretch only",
        what="With resets every stretch starts from h_0; only the first one is counted.",
        hint="A value that is used n times has n terms in its gradient.",
        file="bptt.py",
        old="dh_0 = dh_nexts.sum(axis=0)",
        new="dh_0 = dh_nexts[min(1, plan.stretches - 1)]",
    ),
    Mistake(
        name="truncated after 32 steps",
        what="The gradient is cut every 32 steps although no chunk is asked for.",
        hint="Short sequences hide it: let T be longer than any number in the code.",
        file="bptt.py",
        old="if chunk is not None and t > 0 and t % chunk == 0:",
        new="if t > 0 and t % (chunk or 32) == 0:",
    ),
    Mistake(
        name="upstream gradient doubled",
        what="dh_t = dh_out + dh_out: the same gradient twice in place of the two that meet.",
        hint="Two gradients meet at every state. They need two names.",
        file="bptt.py",
        old="np.add(da_t, dh_next, out=dh)",
        new="np.add(da_t, da_t, out=dh)",
    ),
    Mistake(
        name="w_h transposed beyond the 32nd unit",
        what="The block of w_h from unit 33 on is transposed on the way back.",
        hint="Few units hide it: check at the size that is used.",
        file="bptt.py",
        old="dot, w_h = _dot_for(dh_n, tape.params.w_h)\n",
        new=(
            "w_h = tape.params.w_h.copy()\n"
            "    w_h[32:, 32:] = w_h[32:, 32:].T.copy()\n"
            "    dot, w_h = _dot_for(dh_n, w_h)\n"
        ),
    ),
    Mistake(
        name="gradient of h_0 without the remainder",
        what="With resets, the steps that are left at the end send nothing to h_0.",
        hint="Let reset_every not divide T.",
        file="bptt.py",
        old="dh_0 = dh_nexts.sum(axis=0)",
        new="dh_0 = dh_nexts[len(plan.spans) - 1 :].sum(axis=0)",
    ),
    Mistake(
        name="each loss sent back five steps",
        what="The gradient of each output is followed through five steps, and dropped.",
        hint="A limit that is copied along: let T be longer than it.",
        file="bptt.py",
        old="def _through_time(\n",
        new=(
            "def _through_time(tape, dy, dh_n):\n"
            "    firsts, last = tape.plan.stretches, tape.plan.stretches * (tape.plan.last - 1)\n"
            "    da, dh_0 = np.zeros_like(tape.states[firsts:]), np.zeros_like(dh_n)\n"
            "    for t in range(len(dy)):\n"
            "        k = max(0, t - 4)\n"
            "        own = np.zeros_like(dy)\n"
            "        own[t] = dy[t]\n"
            "        sent, first = _whole_way(tape, own, dh_n * (t == last))\n"
            "        da[k : t + 1] += sent[k : t + 1]\n"
            "        dh_0 += first * (k == 0)\n"
            "    return da, dh_0\n\n\n"
            "def _whole_way(\n"
        ),
    ),
)
