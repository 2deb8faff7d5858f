#!/usr/bin/env python3
"""Times the models that Percept runs in PyTorch, with random weights, in the form of `percept bench --json`.

    torch_models.py encoder PE-Core-L14-336 --batch 1,8,32 [--compile]
    torch_models.py decoder PLM-1B --prompt 512 --depth 512 --tokens 64 [--compile]

One JSON object goes to standard output; a model that does not fit is named in it with the reason. Towers are timm's
`vit_pe_*`, decoders transformers' Llama with the published sizes; only random numbers are needed, no download.
"""
import argparse
import json
import statistics
import sys
import time

import torch

ENCODERS = {
    "PE-Core-T16-384": ("vit_pe_core_tiny_patch16_384", 384),
    "PE-Core-S16-384": ("vit_pe_core_small_patch16_384", 384),
    "PE-Core-B16-224": ("vit_pe_core_base_patch16_224", 224),
    "PE-Core-L14-336": ("vit_pe_core_large_patch14_336", 336),
    "PE-Core-G14-448": ("vit_pe_core_gigantic_patch14_448", 448),
}
# Llama 3.2 1B and 3B, Llama 3.1 8B, with Perception LM's vocabulary.
DECODERS = {
    "PLM-1B": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
                   num_key_value_heads=8, head_dim=64, tie_word_embeddings=True),
    "PLM-3B": dict(hidden_size=3072, intermediate_size=8192, num_hidden_layers=28, num_attention_heads=24,
                   num_key_value_heads=8, head_dim=128, tie_word_embeddings=True),
    "PLM-8B": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
                   num_key_value_heads=8, head_dim=128, tie_word_embeddings=False),
    # For a try without a GPU.
    "tiny": dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, head_dim=16, tie_word_embeddings=True),
}
PRECISIONS = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def quantile(times, fraction):
    return sorted(times)[round((len(times) - 1) * fraction)]


def measure(device, seconds, body):
    """Milliseconds of each run behind a warm-up: as many as fit, three at least."""
    for _ in range(3):
        body()
    synchronize(device)
    times, begin = [], time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - begin < seconds and len(times) < 200):
        start = time.perf_counter()
        body()
        synchronize(device)
        times.append(1000 * (time.perf_counter() - start))
    return times


def summary(times):
    return {"median_ms": statistics.median(times), "p10_ms": quantile(times, 0.1), "p90_ms": quantile(times, 0.9)}


def encoder(arguments, device, precision):
    import timm

    name, side = ENCODERS[arguments.model]
    model = timm.create_model(name, pretrained=False).to(device, precision).eval()
    if arguments.compile:
        model = torch.compile(model, mode="max-autotune" if arguments.autotune else "reduce-overhead")
    for batch in arguments.batch:
        images = torch.randn(batch, 3, side, side, device=device, dtype=precision)
        times = measure(device, arguments.seconds, lambda: model(images))
        yield {"batch": batch, **summary(times), "images_per_second": 1000 * batch / statistics.median(times)}


def decoder(arguments, device, precision):
    from transformers import LlamaConfig, LlamaForCausalLM, StaticCache

    longest = max(arguments.prompt + [depth + arguments.tokens for depth in arguments.depth]) + 1
    config = LlamaConfig(vocab_size=128262, max_position_embeddings=11264, rope_theta=500000.0,
                         **DECODERS[arguments.model])
    torch.set_default_dtype(precision)
    with torch.device(device):
        model = LlamaForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    forward = model.forward
    if arguments.compile:
        forward = torch.compile(model.forward, mode="reduce-overhead", fullgraph=True)

    def cache():
        return StaticCache(config=config, max_cache_len=longest)

    def prefill(ids, held):
        held.reset()
        # Logits of the last position alone, as generation needs them.
        return model(ids, past_key_values=held, logits_to_keep=1)

    for prompt in arguments.prompt:
        ids, held = torch.randint(0, 128000, (1, prompt), device=device), cache()
        times = measure(device, arguments.seconds, lambda: prefill(ids, held))
        yield {"test": "prompt", "depth": 0, "tokens": prompt, **summary(times),
               "tokens_per_second": 1000 * prompt / statistics.median(times)}
    for depth in arguments.depth:
        ids, held = torch.randint(0, 128000, (1, depth), device=device), cache()
        token = torch.zeros(1, 1, dtype=torch.long, device=device)
        times = []
        # The cache cannot be wound back, so each run fills it anew, untimed; the first also compiles.
        for run in range(4):
            prefill(ids, held)
            synchronize(device)
            start = time.perf_counter()
            for _ in range(arguments.tokens):
                logits = forward(input_ids=token, past_key_values=held).logits
                token.copy_(logits[:, -1:].argmax(-1))
            synchronize(device)
            times.append(1000 * (time.perf_counter() - start))
        times = times[1:]
        yield {"test": "generation", "depth": depth, "tokens": arguments.tokens, **summary(times),
               "tokens_per_second": 1000 * arguments.tokens / statistics.median(times)}


def numbers(text):
    return [int(part) for part in text.split(",") if part]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, models in (("encoder", ENCODERS), ("decoder", DECODERS)):
        sub = kinds.add_parser(kind)
        sub.add_argument("model", choices=models)
        sub.add_argument("--precision", choices=PRECISIONS, default="bf16")
        sub.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
        sub.add_argument("--compile", action="store_true", help="torch.compile with CUDA graphs")
        sub.add_argument("--seconds", type=float, default=1.0, help="about how long each size is measured")
    kinds.choices["encoder"].add_argument("--batch", type=numbers, default=[1, 8, 32])
    kinds.choices["encoder"].add_argument("--autotune", action="store_true", help="let torch.compile try kernels")
    kinds.choices["decoder"].add_argument("--prompt", type=numbers, default=[512])
    kinds.choices["decoder"].add_argument("--depth", type=numbers, default=[512])
    kinds.choices["decoder"].add_argument("--tokens", type=int, default=64)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.manual_seed(1)
    document = {
        "engine": "PyTorch " + torch.__version__, "mode": "compiled" if arguments.compile else "eager",
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU", "model": arguments.model,
        "precision": arguments.precision, "results": [],
    }
    steps = {"encoder": encoder, "decoder": decoder}[arguments.kind]
    try:
        with torch.inference_mode():
            for row in steps(arguments, device, PRECISIONS[arguments.precision]):
                document["results"].append(row)
    except Exception as error:  # What was measured before counts.
        document["failure"] = f"{type(error).__name__}: {error}".splitlines()[0]
    print(json.dumps(document))
    return 1 if "failure" in document and not document["results"] else 0


if __name__ == "__main__":
    sys.exit(main())
