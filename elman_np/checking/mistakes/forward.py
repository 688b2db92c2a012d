"""Mistakes of the forward pass."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="w_h not transposed in the forward pass",
        what="h_{t-1} w_h in place of h_{t-1} w_h^T.",
        hint="Rows are samples, so the sum over h_{t-1} runs over the columns of w_h. H = 1 hides it.",
        file="bptt.py",
        old="dot(before, w_h_t, carried)",
        new="dot(before, params.w_h, carried)",
    ),
    Mistake(
        name="no recurrence in the forward pass",
        what="h_t does not depend on h_{t-1}.",
        hint="Change x_1 and look whether y_2 moves.",
        file="bptt.py",
        old="np.add(now, carried, out=a)",
        new="np.copyto(a, now)",
    ),
    Mistake(
        name="hidden bias left out",
        what="b_h is not added to a_t.",
        hint="Zero biases at the start hide it: draw them at random for a check.",
        file="bptt.py",
        old="h[firsts:] += params.b_h",
        new="h[firsts:] += 0",
    ),
    Mistake(
        name="hidden bias added twice",
        what="b_h is added with the input and again with the state.",
        hint="PyTorch's bias_ih and bias_hh are two halves of one b_h, not two copies of it.",
        file="bptt.py",
        old="h[firsts:] += params.b_h",
        new="h[firsts:] += 2 * params.b_h",
    ),
    Mistake(
        name="output bias left out",
        what="b_y is not added to y_t.",
        hint="Draw b_y at random for a check.",
        file="bptt.py",
        old="_product(h[plan.stretches :], params.w_y.T) + params.b_y",
        new="_product(h[plan.stretches :], params.w_y.T)",
    ),
    Mistake(
        name="outputs from the state before",
        what="y_t is computed from h_{t-1}.",
        hint="At T = 1 with h_0 = 0 every output is b_y.",
        file="bptt.py",
        old="_product(h[plan.stretches :], params.w_y.T)",
        new="_product(h[: len(x)], params.w_y.T)",
    ),
    Mistake(
        name="inputs a step late",
        what="x_{t-1} in place of x_t in the forward pass, and the last input at the first step.",
        hint="Change x_1 and look whether y_1 moves. T = 1 hides it.",
        file="bptt.py",
        old="_dot(_flat(x), params.w_x.T",
        new="_dot(_flat(np.roll(x, 1, axis=0)), params.w_x.T",
    ),
    Mistake(
        name="initial state ignored",
        what="The sequence always starts from zeros.",
        hint="Give h_0 that is not zero.",
        file="bptt.py",
        old="h[:firsts] = h_0\n",
        new="h[:firsts] = 0\n",
    ),
    Mistake(
        name="resets to zero",
        what="After a reset the state is zero, not h_0.",
        hint="Use reset_every together with h_0 that is not zero.",
        file="bptt.py",
        old="h[:firsts] = h_0\n",
        new="h[:firsts] = 0\n    h[min(1, firsts - 1)] = h_0\n",
    ),
    Mistake(
        name="resets a step late",
        what="reset_every = k resets after every k + 1 steps: the counter starts at 0 and is tested with >=.",
        hint="Let T be above k, and look at the step after the first reset.",
        file="bptt.py",
        old="length = reset_every or steps",
        new="length = reset_every + 1 if reset_every else steps",
    ),
    Mistake(
        name="last state reset",
        what="h_n is h_0 where a reset is due after the last step.",
        hint="Let k divide T.",
        file="bptt.py",
        old="h[plan.stretches * plan.last].copy()",
        new=(
            "(h_0 if recurrence.reset_every and len(x) % recurrence.reset_every == 0"
            " else h[plan.stretches * plan.last]).copy()"
        ),
    ),
    Mistake(
        name="last state a step early",
        what="h_n is h_{T-1}.",
        hint="h_n must be the state from which y_T was computed.",
        file="bptt.py",
        old="h[plan.stretches * plan.last].copy()",
        new="h[plan.stretches * (plan.last - 1)].copy()",
    ),
    Mistake(
        name="stretches cut across time",
        what="The stretches between resets hold every k-th day in place of k days in a row.",
        hint="A reshape that splits the time axis gives (stretches, steps); swap the two afterwards.",
        file="bptt.py",
        old=".reshape(count, length), 1, axis=0).T",
        new=".reshape(length, count).T, 1, axis=0).T",
    ),
    Mistake(
        name="state carried in float32",
        what="h_{t-1} passes through float32 in a float64 network.",
        hint="An error of 1e-8 is not rounding in float64: look for a buffer without a dtype.",
        hidden_in_float32="A float32 network carries float32: nothing changes.",
        file="bptt.py",
        old="dot(before, w_h_t, carried)",
        new="dot(before.astype(np.float32).astype(before.dtype), w_h_t, carried)",
    ),
    Mistake(
        name="state carried in float16",
        what="h_{t-1} passes through float16.",
        hint="An error of 1e-4 is too large even for float32.",
        file="bptt.py",
        old="dot(before, w_h_t, carried)",
        new="dot(before.astype(np.float16).astype(before.dtype), w_h_t, carried)",
    ),
    Mistake(
        name="activation on the input's part alone",
        what="h_t = phi(x_t w_x^T + b_h) + h_{t-1} w_h^T.",
        hint="The activation takes the whole sum: under tanh no state can be above 1.",
        file="bptt.py",
        old="        activate(a, now)\n",
        new="        np.add(activate(now), carried, out=now)\n",
    ),
    Mistake(
        name="initial state left over from the call before",
        what="Where h_0 is not given, a pass starts where the last one ended.",
        hint="Call forward twice without h_0: the second answer must be the first.",
        file="model.py",
        old="            h_0 = np.zeros(layout.h, self.dtype)\n",
        new=(
            "            h_0 = vars(self).get('h_n', np.zeros(layout.h, self.dtype))\n"
            "            h_0 = h_0 if h_0.shape == layout.h else np.zeros(layout.h, self.dtype)\n"
            "            self.h_n = bptt.run(\n"
            "                self.params,\n"
            "                x.reshape(len(x), layout.batch_size, self.input_size),\n"
            "                h_0.reshape(layout.batch_size, self.hidden_size),\n"
            "                self.recurrence,\n"
            "            )[1].reshape(layout.h)\n"
        ),
    ),
    Mistake(
        name="initial state of ones where none is given",
        what="A missing h_0 is taken for ones.",
        hint="Leave h_0 out, and give zeros: nothing may change.",
        file="model.py",
        old="np.zeros(layout.h, self.dtype)",
        new="np.ones(layout.h, self.dtype)",
    ),
    Mistake(
        name="inputs in the order of memory",
        what="An array that is not contiguous is read as if its numbers stood in the order of its axes.",
        hint="Give a transposed array, and a copy of it.",
        file="bptt.py",
        old="_side_by_side(plan, x))",
        new="_side_by_side(plan, x.ravel(order='K').reshape(x.shape)))",
    ),
    Mistake(
        name="state carried in float16 in float32 networks",
        what="h_{t-1} passes through float16 where the network is float32.",
        hint="Check each dtype that the code takes.",
        hidden_in_float64="float64 networks are right.",
        file="bptt.py",
        old="dot(before, w_h_t, carried)",
        new=(
            "short = np.float16 if before.dtype == np.float32 else before.dtype\n"
            "            dot(before.astype(short).astype(before.dtype), w_h_t, carried)"
        ),
    ),
)
