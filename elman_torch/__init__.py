"""The reference: the same Elman network in PyTorch, its gradients by autograd."""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError("elman_torch needs PyTorch: pip install 'torch>=2.6,<2.14'") from error

from elman_np import History, TrainingDiverged, __version__, load_splg, split, windows
from elman_np.checking.comparison import Comparison, Disagreement, Undecided
from elman_torch.model import ElmanRNN
from elman_torch.parity import assert_agree, compare
from elman_torch.saved import load, save
from elman_torch.training import train

del _torch
__all__ = [
    "Comparison",
    "Disagreement",
    "ElmanRNN",
    "History",
    "TrainingDiverged",
    "Undecided",
    "__version__",
    "assert_agree",
    "compare",
    "load",
    "load_splg",
    "save",
    "split",
    "train",
    "windows",
]
