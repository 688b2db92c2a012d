"""What every test stands on: one thread, libraries warmed up, and Hypothesis's depths."""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings

from tests.support.site import chrome, site, url
from tests.support.undecided import Tally

__all__ = ["chrome", "site", "url"]  # fixtures, made once for all that look at the site

slow_ok = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("dev", max_examples=20, deadline=None, suppress_health_check=slow_ok)
settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, print_blob=True, suppress_health_check=slow_ok
)
settings.register_profile(
    "versions", settings.get_profile("ci"), max_examples=settings.get_profile("dev").max_examples
)
settings.register_profile(
    "thorough", max_examples=2000, deadline=None, print_blob=True, suppress_health_check=slow_ok
)
# For tests that are meant to fail: the same examples every time, and no time spent on making a failure small.
settings.register_profile(
    "kill",
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session", autouse=True)
def warm_torch():
    """Call each of PyTorch's vectorised functions once before anything is compared.

    The first call may use a kernel of low accuracy when it comes from several threads at once
    (pytorch/pytorch issue 188792).
    """
    torch.set_num_threads(1)
    for dtype in (torch.float32, torch.float64):
        values = torch.linspace(0.1, 1, 64, dtype=dtype)
        for function in (torch.tanh, torch.relu, torch.sqrt, torch.exp):
            function(values)


@pytest.fixture(autouse=True)
def count_what_is_undecided():
    """Begin each test's count at 0."""
    Tally.count = 0
