"""What the machine has: devices, and bfloat16."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Literal

import torch

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.training.config import HardwareConfig

log = logging.getLogger("fints_pipeline.training")

Precision = Literal["32-true", "bf16-mixed"]
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of cgroups, version 2 and 1
_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}


def memory_bytes(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the machine's memory, or what its container may use of it, if less."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in _LIMITS:
        limit = groups / name
        text = limit.read_text(encoding="ascii").strip() if limit.is_file() else ""
        if text.isdecimal():  # "max" is no limit
            found = min(found, int(text))
    return found


def accelerator(hardware: HardwareConfig) -> Literal["cpu", "gpu"]:
    """Return the device that "auto" means here.

    Raises:
        ConfigError: the machine has fewer GPUs than the fit asks for.
    """
    device = hardware.accelerator
    if device == "auto":
        device = "gpu" if torch.cuda.is_available() else "cpu"
    count = torch.cuda.device_count() if device == "gpu" else hardware.processes
    if count < hardware.processes:
        raise ConfigError(
            f"the fit asks for {hardware.processes} GPU(s), one a process; PyTorch finds {count}",
            where="hardware",
            fix="set accelerator to cpu, or processes to the number of GPUs",
        )
    return device


def precision(hardware: HardwareConfig) -> Precision:
    """Return the configured precision, float32 where bfloat16 would be emulated.

    Emulated it was several times slower than float32 on a CPU, so it is not used there; a line
    says so.
    """
    if hardware.precision == "bf16-mixed" and not has_bfloat16(accelerator(hardware)):
        log.warning("no native bfloat16 on this %s: float32 is used", accelerator(hardware))
        return "32-true"
    return hardware.precision


def has_bfloat16(device: Literal["cpu", "gpu"], cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the device computes in bfloat16 by itself."""
    if device == "gpu":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if not cpuinfo.is_file():
        return False
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(_CPU_FLAGS & set(flags.split()))
