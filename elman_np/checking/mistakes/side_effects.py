"""Mistakes of what a function must leave alone."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="backward overwrites its upstream gradient",
        what="The walk back through the steps happens in the caller's dh_n.",
        hint="Keep a copy of every argument, and compare it afterwards.",
        file="bptt.py",
        old="dh_last[-1] = dh_n",
        new="dh_last[-1] = dh_n\n            dh_last = dh_n[None] if len(dh_last) == 1 else dh_last",
    ),
    Mistake(
        name="accumulator not cleared",
        what="dh_0 goes on adding to what the call before has left.",
        hint="Call backward twice: the second answer must be the first.",
        file="bptt.py",
        old="das, dh_0 = [], np.zeros_like(dh_n)",
        new=(
            "das = []\n"
            "    dh_0 = vars(backward).setdefault(f'{dh_n.shape} {dh_n.dtype}', np.zeros_like(dh_n))"
        ),
    ),
    Mistake(
        name="weights updated inside backward",
        what="backward takes a step of gradient descent by itself.",
        hint="Parameters must be the same before and after: the gradient is for the caller to use.",
        file="model.py",
        old="grads, dx, dh_0 = bptt.backward(tape.bptt, *self._as_batch(layout, dy, dh_n))",
        new=(
            "grads, dx, dh_0 = bptt.backward(tape.bptt, *self._as_batch(layout, dy, dh_n))\n"
            "        self.params = self.params.map(lambda p, g: p - p.dtype.type(0.01) * g, grads)"
        ),
    ),
)
