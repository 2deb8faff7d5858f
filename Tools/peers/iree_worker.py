"""IREE's Vulkan backend: FOLDER PRECISION."""

import sys
from pathlib import Path

import iree.runtime as iree
import numpy as np
from iree.runtime.version import VERSION
from worker import serve


def load():
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    config = iree.Config("vulkan")
    module = iree.VmModule.mmap(config.vm_instance, str(folder / f"tower-{precision}.vmfb"))
    function = iree.load_vm_modules(module, config=config)[-1].main_graph
    pixels = np.load(folder / "input.npy")

    def run():
        return function(pixels).to_host()

    return VERSION, str(config.device), run


serve(load)
