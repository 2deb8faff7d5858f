"""ncnn on its Vulkan device: FOLDER PRECISION."""

import sys
from pathlib import Path

import ncnn
import numpy as np
from worker import serve


def load():
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    if ncnn.get_gpu_count() == 0:
        raise RuntimeError("no Vulkan device that ncnn takes")
    net = ncnn.Net()
    net.opt.use_vulkan_compute = True
    half = precision == "f16"
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    net.opt.use_bf16_storage = False
    net.set_vulkan_device(0)
    if net.load_param(str(folder / "tower.ncnn.param")) or net.load_model(str(folder / "tower.ncnn.bin")):
        raise RuntimeError("ncnn cannot load the model")
    pixels = np.load(folder / "input.npy")[0]

    def run():
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(pixels))
        status, embedding = extractor.extract("out0")
        if status:
            raise RuntimeError(f"ncnn's extract ended with {status}")
        return np.array(embedding)

    return ncnn.__version__, ncnn.get_gpu_info(0).device_name(), run


serve(load)
