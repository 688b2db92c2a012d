"""Mistakes of mini-batches and epochs."""

from elman_np.checking.mistakes.planting import Mistake

MISTAKES = (
    Mistake(
        name="last batch left out",
        what="The windows that do not fill a batch are never seen.",
        hint="Let the size of a batch not divide the number of windows.",
        file="training.py",
        old="for start in range(0, count, size))",
        new="for start in range(0, count - size + 1, size))",
    ),
    Mistake(
        name="last batch counted as a whole one",
        what="The epoch's loss weighs a smaller last batch like the others.",
        hint="The epoch's loss is a mean over windows.",
        file="training.py",
        old="total += float(loss) * len(batch)",
        new="total += float(loss) * len(order[0])",
    ),
    Mistake(
        name="one order for all epochs",
        what="The windows are shuffled once, and come in the same order in every epoch.",
        hint="Compare the orders of two epochs.",
        file="training.py",
        old="order = list(batches(x.shape[1], batch_size, shuffle=shuffle, rng=generator))",
        new="order = list(batches(x.shape[1], batch_size, shuffle=shuffle, rng=np.random.default_rng(0)))",
    ),
)
