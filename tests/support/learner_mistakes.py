"""The catalogue's mistakes, written into a program that is not ours: the name, the old text, and the new."""

CARRIED = "self.wh.dot(self.h[-1])"
FUTURE = "self.wh.T.dot(da)\n        return"
BACK = "future = self.wh.T.dot(da)"
SUMS = "            dwx += np.outer(da, x_t)\n"

IN_REFERENCE = [
    ("w_h not transposed in the forward pass", CARRIED, "self.wh.T.dot(self.h[-1])"),
    ("no recurrence in the forward pass", CARRIED, "0"),
    ("hidden bias left out", "carried + self.bh", "carried"),
    ("hidden bias added twice", "carried + self.bh", "carried + 2 * self.bh"),
    ("output bias left out", "self.wy.dot(self.h[-1]) + self.by", "self.wy.dot(self.h[-1])"),
    ("outputs from the state before", "self.wy.dot(self.h[-1])", "self.wy.dot(self.h[-2])"),
    ("inputs a step late", "self.wx.dot(x_t)", "self.wx.dot(x[t - 1])"),
    ("initial state ignored", "[h_0], [], []", "[0 * h_0], [], []"),
    ("last state a step early", "np.array(out), self.h[-1]", "np.array(out), self.h[-2]"),
    ("state carried in float32", CARRIED, "self.wh.dot(self.h[-1].astype(np.float32).astype(float))"),
    ("state carried in float16", CARRIED, "self.wh.dot(self.h[-1].astype(np.float16).astype(float))"),
    ("activation on the input's part alone", "self.squash(a))", "self.squash(into + self.bh) + carried)"),
    ("relu where tanh is meant", "return np.tanh(a)", "return np.maximum(a, 0)"),
    ("tanh by exponentials", "np.tanh(a)", "(np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))"),
    ("tanh with a wrong sign", "np.tanh(a)", "(np.exp(a) - np.exp(-a)) / (np.exp(a) - np.exp(-a))"),
    ("tanh by way of a sigmoid", "np.tanh(a)", "2 / (1 + np.exp(-2 * a)) - 1"),
    ("tanh cut off straight", "np.tanh(a)", "np.minimum(np.maximum(a, -1), 1)"),
    ("relu that leaks", "np.where(a > 0, a, 0)", "np.where(a > 0, a, 1e-6 * a)"),
    ("relu with a lid", "np.where(a > 0, a, 0)", "np.minimum(np.where(a > 0, a, 0), 6)"),
    ("derivative 1 - h", "1 - h**2", "1 - h"),
    ("derivative 1 + h^2", "1 - h**2", "1 + h**2"),
    ("derivative at the state before", "1 - h**2", "1 - before**2"),
    ("slope of another step", "self.slope(t) * dh", "self.slope(t - 1 if t else count - 1) * dh"),
    ("derivative of the pre-activation", "1 - h**2", "1 - a**2"),
    ("tanh applied twice in the derivative", "1 - h**2", "1 - np.tanh(h) ** 2"),
    ("tanh's derivative under relu", "np.where(h > 0, 1.0, 0.0)", "1 - h**2"),
    ("relu passes everything", "np.where(h > 0, 1.0, 0.0)", "np.where(h >= 0, 1.0, 0.0)"),
    ("relu's mask with a threshold", "np.where(h > 0, 1.0, 0.0)", "np.where(h > 1e-3, 1.0, 0.0)"),
    (
        "relu applied to the gradient",
        "da = self.slope(t) * dh",
        "da = self.slope(t) * (dh if self.kind == TANH else np.maximum(dh, 0))",
    ),
    ("reciprocal of the slope", "return 1 - h**2", "return 1 / (1 - h**2)"),
    ("one activation for all steps", "self.slope(t) * dh", "self.slope(count - 1) * dh"),
    ("sum of squares for their mean", "(r * r).mean()", "(r * r).sum()"),
    ("2 / n left out", "2 * r / r.size", "r"),
    ("2 left out", "2 * r / r.size", "r / r.size"),
    ("n counts steps only", "2 * r / r.size", "2 * r / len(r)"),
    ("residual with the wrong sign", "r = y - target", "r = target - y"),
    ("recurrent term left out", "dh = out + future", "dh = out"),
    ("upstream gradient doubled", "dh = out + future", "dh = out + out"),
    ("w_h transposed on the way back", BACK, "future = self.wh.dot(da)"),
    ("the loop runs forwards in time", "range(count - 1, -1, -1)", "range(count)"),
    (
        "upstream gradient at the last step only",
        "out = self.wy.T.dot(dy[t])",
        "out = self.wy.T.dot(dy[t]) * (t == count - 1)",
    ),
    ("truncated after four steps", BACK, "future = self.wh.T.dot(da) * (t % 4 != 0 or t == 0)"),
    ("truncated after 32 steps", BACK, "future = self.wh.T.dot(da) * (t % 32 != 0 or t == 0)"),
    ("truncated after 7 steps", BACK, "future = self.wh.T.dot(da) * (t % 7 != 0 or t == 0)"),
    ("gradient of the last state ignored", "future = dh_n", "future = 0 * dh_n"),
    ("recurrent gradient clipped", BACK, "future = np.clip(self.wh.T.dot(da), -1, 1)"),
    ("recurrent gradient clipped at 5", BACK, "future = np.clip(self.wh.T.dot(da), -5, 5)"),
    ("recurrent gradient in float32", BACK, "future = self.wh.T.dot(da).astype(np.float32).astype(float)"),
    ("gradient of h_0 a hop short", "np.array(dx), future", "np.array(dx), da"),
    ("gradient of h_0 left zero", "np.array(dx), future", "np.array(dx), 0 * future"),
    ("input gradients in reverse", "dx[t] = self", "dx[count - 1 - t] = self"),
    ("dw_x with the input before", "np.outer(da, x_t)", "np.outer(da, self.x[t - 1])"),
    ("dw_h with the state after the step", "np.outer(da, before)", "np.outer(da, h)"),
    ("dw_h with the next state", "np.outer(da, before)", "np.outer(da, self.h[(t + 2) % (count + 1)])"),
    ("dw_h without the first state", "np.outer(da, before)", "np.outer(da, before * (t > 0))"),
    ("dw_h transposed", "np.outer(da, before)", "np.outer(before, da)"),
    ("h_0 read from index -1", "np.outer(da, before)", "np.outer(da, self.h[1:][t - 1])"),
    (
        "= for += over the steps",
        SUMS,
        "            dwx, dwh, dbh, dwy, dby = (0 * z for z in (dwx, dwh, dbh, dwy, dby))\n" + SUMS,
    ),
    (
        "first step skipped",
        "return dwx, dwh, dbh, dwy, dby, np.array(dx), future",
        "return (dwx - np.outer(da, x_t), dwh - np.outer(da, before), dbh - da, dwy - np.outer(dy[0], h), "
        "dby - dy[0], np.array(dx), future)",
    ),
    (
        "last step skipped",
        SUMS,
        "            if t == count - 1:\n                dx[t] = self.wx.T.dot(da)\n"
        "                future = self.wh.T.dot(da)\n                continue\n" + SUMS,
    ),
    ("first row skipped in db_h", "dbh += da", "dbh += da * (t + self.row > 0)"),
    ("rows beyond the 64th left out", "for grads in back)\n", "for grads in back[:64])\n"),
    (
        "w_h transposed beyond the 32nd unit",
        BACK,
        "block = self.wh.copy()\n            block[32:, 32:] = block[32:, 32:].T.copy()\n"
        "            future = block.T.dot(da)",
    ),
    (
        "always tanh",
        "        if self.kind == TANH:\n            return np.tanh(a)",
        "        if True:\n            return np.tanh(a)",
    ),
    (
        "mean for sum in db_h",
        "for grads in back)\n",
        "for grads in back) / (p.T * p.B if name == 'db_h' else 1)\n",
    ),
    (
        "mean for sum in db_y",
        "for grads in back)\n",
        "for grads in back) / (p.T * p.B if name == 'db_y' else 1)\n",
    ),
    ("dw_y with the state before", "np.outer(dy[t], h)", "np.outer(dy[t], before)"),
    (
        "tiny gradients set to zero",
        "    return found | dict(dx",
        "    found['dw_h'] = found['dw_h'] * (abs(found['dw_h']) >= 1e-6)\n    return found | dict(dx",
    ),
    (
        "dw_x off by 1e-5",
        "for grads in back)\n",
        "for grads in back) * (1 + 1e-5 if name == 'dw_x' else 1)\n",
    ),
    (
        "dw_h off by 1e-9",
        "for grads in back)\n",
        "for grads in back) * (1 + 1e-9 if name == 'dw_h' else 1)\n",
    ),
    (
        "outputs squashed",
        "out.append(self.wy.dot(self.h[-1]) + self.by)",
        "out.append(np.tanh(self.wy.dot(self.h[-1]) + self.by))",
    ),
    ("only the first output counts", "self.wy.T.dot(dy[t])", "self.wy.T[:, :1].dot(dy[t][:1])"),
    ("dh goes back in place of da", BACK, "future = self.wh.T.dot(dh)"),
    ("input gradient without the future", "self.wx.T.dot(da)", "self.wx.T.dot(self.slope(t) * out)"),
    ("dw_x from dh", "np.outer(da, x_t)", "np.outer(dh, x_t)"),
    ("db_h from dh", "dbh += da", "dbh += dh"),
    (
        "each loss sent back five steps",
        "future = dh_n\n        for t in range(count - 1, -1, -1):\n",
        """future = dh_n
        if count > 5:
            total, nothing = None, 0 * dh_n
            x, h, a = self.x, self.h, self.a
            for t in range(count):
                k = max(0, t - 4)
                self.x, self.h, self.a = x[k : t + 1], h[k : t + 2], a[k : t + 1]
                some = 0 * dy[k : t + 1]
                some[-1] = dy[t]
                part = list(self.backward(some, dh_n if t == count - 1 else nothing))
                whole = np.zeros((count, *part[5].shape[1:]))
                whole[k : t + 1] = part[5]
                part[5], part[6] = whole, part[6] * (k == 0)
                total = part if total is None else [p + q for p, q in zip(total, part)]
            return total
        for t in range(count - 1, -1, -1):
""",
    ),
]

NOT_IN_REFERENCE = {
    "w_h not transposed": "a step's form of 'w_h not transposed in the forward pass'",
    "slope of the state before": "a step's form of 'derivative at the state before'",
    "gradient clipped in silence": "a remark: tests/test_learner.py",
    "loss overwrites the outputs": "outputs are not the checker's",
    "inputs in the order of memory": "all arrays that the checker gives are contiguous",
    "state carried in float16 in float32 networks": "as in float64",
    "views in another order": "parameters are not one vector there",
    "gradients laid in another order": "parameters are not one vector there",
}
