"""What a fit runs on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fints_pipeline.base.config import Config


class HardwareConfig(Config):
    """What a fit runs on.

    Attributes:
        accelerator: "auto" takes a CUDA device where there is one.
        threads: torch's; results repeat bit for bit at one number of threads on one machine.
        precision: "bf16-mixed" computes in bfloat16 where the device does so natively, and in
            float32 with a warning where it does not: emulated it is several times slower.
        processes: processes that share each batch, one a device; above 1 on CPUs they talk
            through gloo, on GPUs through nccl.
        memory_share: share of the machine's memory that the windows' table may take; a larger one
            is mapped from a file, with the same batches.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    threads: int = Field(2, ge=1)
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    processes: int = Field(1, ge=1)
    memory_share: float = Field(0.5, gt=0, le=1)
