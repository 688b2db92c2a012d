"""What the numbers were taken on: processor, threads, versions."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

import numpy as np
import torch


def processor() -> str:
    """Name the processor, and how many of its cores this process may use."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {cores} core{'s' if cores != 1 else ''}"


def blas() -> str:
    """Name NumPy's BLAS, and where threadpoolctl is installed, the kernel that runs and its threads."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = f"{built['name']} {built['version']}"
    if importlib.util.find_spec("threadpoolctl"):
        import threadpoolctl

        for pool in threadpoolctl.threadpool_info():
            if pool["user_api"] == "blas":
                name += f", kernel {pool.get('architecture')}, {pool['num_threads']} threads"
    forced = [f"{key}={value}" for key, value in os.environ.items() if key.startswith("OPENBLAS_")]
    return ", ".join([name, *forced])


def describe() -> str:
    """Return all of it in a sentence or two."""
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__} ({blas()})"]
    versions.append(f"PyTorch {torch.__version__} ({torch.get_num_threads()} threads)")
    if importlib.util.find_spec("jax"):
        versions.append(f"JAX {importlib.metadata.version('jax')} (threads of its own on the same cores)")
    return f"{processor()}; {platform.system()}; {', '.join(versions)}."


def load() -> float:
    """Return how many processes wanted to run in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
