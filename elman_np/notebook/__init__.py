"""The notebook that this grew from: its run, the fate of a thousand of its starts, what each repair buys.

`docs/notebook.md` goes through it line by line. All that the notebook does in its own way is in this room
and in `elman_torch.notebook`; the rest of both packages knows nothing of it.
"""

from elman_np.notebook.command import Backend, main, parser, printed_bound, show_run, training_line
from elman_np.notebook.fates import FATES, Study, draw_fates, fates_table, judge, studies, study, table_cells
from elman_np.notebook.run import (
    BATCH_SIZE,
    EPOCHS,
    LR,
    PRINT_ERROR,
    PRINTED,
    PRINTED_PREDICTIONS,
    RESET_EVERY,
    SEQUENCE_LENGTH,
    Update,
    broadcast_loss,
    closes,
    network,
    predict,
    train,
)
from elman_np.notebook.starts import (
    REPAIRS,
    Ensemble,
    Recipe,
    Starts,
    draw_starts,
    one_start,
    predict_starts,
    stretches,
    train_starts,
)

__all__ = [
    "BATCH_SIZE",
    "EPOCHS",
    "FATES",
    "LR",
    "PRINTED",
    "PRINTED_PREDICTIONS",
    "PRINT_ERROR",
    "REPAIRS",
    "RESET_EVERY",
    "SEQUENCE_LENGTH",
    "Backend",
    "Ensemble",
    "Recipe",
    "Starts",
    "Study",
    "Update",
    "broadcast_loss",
    "closes",
    "draw_fates",
    "draw_starts",
    "fates_table",
    "judge",
    "main",
    "network",
    "one_start",
    "parser",
    "predict",
    "predict_starts",
    "printed_bound",
    "show_run",
    "stretches",
    "studies",
    "study",
    "table_cells",
    "train",
    "train_starts",
    "training_line",
]
