"""ONNX Runtime with its WebGPU execution provider, which is Dawn over Vulkan: FOLDER PRECISION."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from worker import serve


def load():
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    options = ort.SessionOptions()
    options.log_severity_level = 3
    devices = [device for device in ort.get_ep_devices() if device.ep_name == "WebGpuExecutionProvider"]
    session = ort.InferenceSession(
        str(folder / f"tower-{precision}.onnx"), options, providers=["WebGpuExecutionProvider"])
    if "WebGpuExecutionProvider" not in session.get_providers():
        raise RuntimeError("the WebGPU provider is not there")
    pixels = np.load(folder / "input.npy")

    def run():
        return session.run(None, {"pixels": pixels})[0]

    return ort.__version__, str(devices[0].ep_metadata) if devices else "WebGPU", run


serve(load)
