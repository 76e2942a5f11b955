"""Where a model runs: one device, or those that torchrun gives."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import nn

from pipeline.errors import UserError
from training.config import Config


def fabric(config: Config) -> Fabric:
    """Fabric on the GPU if there is one, else on the CPU; distributed data parallel under torchrun.

    While the branches learn alone, distillation and fusion have no gradient: DDP must look for such
    parameters.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    local, world = (int(os.environ.get(name, 1)) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    strategy = DDPStrategy(find_unused_parameters=config.optim.epochs_joint > 0) if world > 1 else "auto"
    precision = "bf16-mixed" if torch.cuda.is_available() else "32-true"
    started = Fabric(
        devices=local,
        num_nodes=world // local,
        strategy=strategy,
        precision=precision if config.precision == "auto" else config.precision,  # type: ignore[arg-type]
    )
    started.launch()
    return started


def compiled(model: nn.Module) -> nn.Module:
    """The same weights behind compiled code, for `Fabric.setup`.

    Each size of batch has its own code, whichever came first, so that a resumed run goes on exactly.
    """
    code = torch.compile(model, dynamic=False)
    assert isinstance(code, nn.Module)
    return code


def require_compiler() -> None:
    """Raises UserError where torch.compile has nothing to compile with."""
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if not (shutil.which(os.environ.get("CXX", "g++")) and headers.is_file()):
        raise UserError("compile = true needs g++ (or what CXX names) and Python's headers: install both, or say false")
