"""IREE's Vulkan backend: FOLDER PRECISION."""

import sys
from pathlib import Path

import iree.runtime as iree
import numpy as np
from iree.runtime.version import VERSION
from worker import serve


def to_host(array, device):
    """A copy through memory of IREE's own. Its `to_host` hands NumPy's memory to the driver where that imports memory, and
    drivers take only what begins with a page."""
    view = array._buffer_view
    source = view.get_buffer()
    staging = device.allocator.allocate_buffer(
        memory_type=int(iree.MemoryType.HOST_LOCAL | iree.MemoryType.DEVICE_VISIBLE),
        allowed_usage=int(iree.BufferUsage.TRANSFER_TARGET | iree.BufferUsage.MAPPING_SCOPED),
        allocation_size=source.byte_length())
    done = device.create_semaphore(0)
    device.queue_copy(
        source, staging, wait_semaphores=iree.HalFence.create_at(done, 0),
        signal_semaphores=iree.HalFence.create_at(done, 1))
    iree.HalFence.create_at(done, 1).wait()
    return staging.map().asarray(view.shape, iree.HalElementType.map_to_dtype(view.element_type)).copy()


def load():
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    config = iree.Config("vulkan")
    module = iree.VmModule.mmap(config.vm_instance, str(folder / f"tower-{precision}.vmfb"))
    function = iree.load_vm_modules(module, config=config)[-1].main_graph
    pixels = np.load(folder / "input.npy")

    def run():
        return to_host(function(pixels), config.device)

    return VERSION, str(config.device), run


serve(load)
