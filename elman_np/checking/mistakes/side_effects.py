"""Mistakes of what a function must leave alone."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="backward overwrites its upstream gradient",
        what="The walk back through the steps happens in the upstream gradient that was given.",
        hint="Keep a copy of every argument, and compare it afterwards.",
        file="bptt.py",
        old="dh_nexts[0] = dh_n",
        new=("dh_nexts = dh_n[None] if plan.stretches == 1 else dh_nexts\n    dh_nexts[0] = dh_n"),
    ),
    Mistake(
        name="accumulator not cleared",
        what="A gradient goes on adding to what the call before has left.",
        hint="Call backward twice: the second answer must be the first.",
        file="bptt.py",
        old="dh_0 = dh_nexts.sum(axis=0)",
        new=(
            "dh_0 = vars(backward).setdefault(f'{dh_n.shape} {dh_n.dtype}', np.zeros_like(dh_n))\n"
            "    dh_0 += dh_nexts.sum(axis=0)"
        ),
    ),
    Mistake(
        name="weights updated inside backward",
        what="backward takes a step of gradient descent by itself.",
        hint="Parameters must be the same before and after: the gradient is for the caller to use.",
        file="model.py",
        old="grads, dx, dh_0 = bptt.backward(tape.bptt, *given)",
        new=(
            "grads, dx, dh_0 = bptt.backward(tape.bptt, *given)\n"
            "        self.params = self.params.map(lambda p, g: p - p.dtype.type(0.01) * g, grads)"
        ),
    ),
    Mistake(
        name="a view that is a copy",
        what="The five arrays are copies of the vector's parts: who writes into one changes half a value.",
        hint="Ask whether they share memory with the vector, and whether they can be written.",
        file="parameters.py",
        old="self.flat[place].reshape(shape) for",
        new="self.flat[place].reshape(shape).copy() for",
    ),
    Mistake(
        name="a copy that can be written",
        what="copy.deepcopy and pickle give back writable arrays, and a tape that holds them may lie.",
        hint="NumPy forgets in a copy that an array was read-only: write into one.",
        file="parameters.py",
        old="vars(self).update(flat=flat, sizes=sizes)",
        new="vars(self).update(flat=flat.copy(), sizes=sizes)",
    ),
    Mistake(
        name="vector of another shared",
        what="like() keeps the caller's vector, who can go on writing into it.",
        hint="Write into the vector afterwards, and into a view of it.",
        file="parameters.py",
        old="params._hold(frozen(flat), sizes)",
        new="params._hold(flat, sizes)",
    ),
)
