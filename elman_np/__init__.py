"""An Elman network in NumPy: forward, back-propagation through time and Adam, each written by hand.

Rows are samples and time is the first axis. Every formula has a number in `docs/`; comments such as
``# (3.4)`` in the source cite it.
"""

from elman_np.adam import Adam, AdamOptions, AdamState, adam_step, clip_grad_norm
from elman_np.bptt import Tape, backward, forward
from elman_np.cell import step, step_backward
from elman_np.data.series import Scaler, split, windows
from elman_np.data.splg import load_splg
from elman_np.forecasting import forecast
from elman_np.losses import mse_loss, rmse
from elman_np.model import ElmanRNN
from elman_np.parameters import Parameters, init_parameters
from elman_np.saved import Saved, load, save
from elman_np.training import (
    Epoch,
    History,
    TrainingDiverged,
    train,
)

__version__ = "0.1.0"
__all__ = [
    "Adam",
    "AdamOptions",
    "AdamState",
    "ElmanRNN",
    "Epoch",
    "History",
    "Parameters",
    "Saved",
    "Scaler",
    "Tape",
    "TrainingDiverged",
    "adam_step",
    "backward",
    "clip_grad_norm",
    "forecast",
    "forward",
    "init_parameters",
    "load",
    "load_splg",
    "mse_loss",
    "rmse",
    "save",
    "split",
    "step",
    "step_backward",
    "train",
    "windows",
]
