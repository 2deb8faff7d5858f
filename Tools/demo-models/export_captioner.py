"""Exports a trained captioner in the layout of transformers: fp16 weights, configuration, tokenizer and processor files.

    python export_captioner.py runs/captioner ../../Sources/CPerceptData/captioner

Nothing stays unless transformers loads the folder without a missing or an unknown tensor, its logits equal this
project's, and its greedy answers are the same to the letter.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PerceptionLMForConditionalGeneration

import captioner
import captions
from captioner import Captioner, LanguageConfig, Prompt, pack
from model import VisionConfig

TOLERANCE = 1e-4  # of logits
COMPARED = 8  # items a kind
CHECK_SEED = 13
TOWER = "vision_tower."
# Official names of the tower by timm's.
PARTS = {"conv1": "patch_embed.proj", "class_embedding": "cls_token", "positional_embedding": "pos_embed",
         "ln_pre": "norm_pre", "transformer.resblocks": "blocks", "ln_1": "norm1", "ln_2": "norm2",
         "attn.in_proj_": "attn.qkv.", "attn.out_proj": "attn.proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}


def renamed(name: str):
    """The name in transformers' files."""
    if name.startswith(TOWER):
        name = name.removeprefix(TOWER)
        for official, timm in PARTS.items():
            name = name.replace(official, timm)
        name = f"{TOWER}timm_model.{name}"
    return f"model.{name}"


def shaped(name: str, tensor):
    """Tables of the tower have a leading dimension more in timm."""
    if name.endswith(".class_embedding"):
        return tensor[None, None]
    return tensor[None] if name.endswith(".positional_embedding") else tensor


def config(prompt: Prompt, vision: VisionConfig, language: LanguageConfig):
    """The spelling of published configurations."""
    grid = vision.image_size // vision.patch_size
    begin, stop = prompt.before[0], prompt.stop
    return {
        "architectures": ["PerceptionLMForConditionalGeneration"], "model_type": "perception_lm",
        "image_token_id": prompt.image, "video_token_id": prompt.video, "projector_pooling_ratio": 1,
        "vision_use_cls_token": True, "tie_word_embeddings": True, "torch_dtype": "float16",
        "text_config": {
            "model_type": "llama", "vocab_size": language.vocab_size, "hidden_size": language.width,
            "intermediate_size": language.hidden, "num_hidden_layers": language.layers,
            "num_attention_heads": language.heads, "num_key_value_heads": language.kv_heads,
            "head_dim": language.head_size, "rms_norm_eps": language.eps, "max_position_embeddings": language.context,
            "rope_theta": language.theta, "rope_scaling": None, "tie_word_embeddings": True, "bos_token_id": begin,
            "eos_token_id": [begin + 1, stop]},
        "vision_config": {
            "model_type": "timm_wrapper", "architecture": "vit_pe_core_tiny_patch16_384", "num_classes": 512,
            "do_pooling": True, "model_args": {
                "embed_dim": vision.width, "depth": vision.layers, "num_heads": vision.heads,
                "patch_size": vision.patch_size, "mlp_ratio": vision.mlp_ratio, "img_size": [vision.image_size] * 2,
                "global_pool": "", "use_post_transformer_norm": False, "ref_feat_shape": [grid, grid]}}}


def side_files(prompt: Prompt, vision: VisionConfig):
    pixels = {"tile_size": vision.image_size, "resample": 3, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    begin, stop = prompt.before[0], prompt.stop
    return {
        "generation_config.json": {"bos_token_id": begin, "eos_token_id": [begin + 1, stop], "pad_token_id": begin + 1,
                                   "do_sample": False},
        "preprocessor_config.json": {"image_processor_type": "PerceptionLMImageProcessorFast", **pixels,
                                     "vision_input_type": "vanilla", "max_num_tiles": 1},
        "processor_config.json": {"processor_class": "PerceptionLMProcessor", "patch_size": vision.patch_size,
                                  "pooling_ratio": 1},
        "video_preprocessor_config.json": {
            "video_processor_type": "PerceptionLMVideoProcessor", "size": {"height": 80, "width": 80}, "resample": 3,
            "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "num_frames": captions.FRAMES[1]},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": captioner.SPECIALS[0],
                                  "eos_token": "<|eot_id|>", "pad_token": captioner.SPECIALS[1],
                                  "clean_up_tokenization_spaces": False},
    }


def write(run: Path, folder: Path):
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    prompt, vision = Prompt(tokenizer), VisionConfig()
    language = LanguageConfig(tokenizer.get_vocab_size())
    state = torch.load(run / "checkpoint.pt")["model"]
    tensors = {renamed(n): shaped(n, t).half().contiguous() for n, t in state.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(run / "tokenizer.json", folder / "tokenizer.json")
    files = {"config.json": config(prompt, vision, language), **side_files(prompt, vision)}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def load(folder: Path):
    """The model in fp32 and its prompt."""
    prompt = Prompt(Tokenizer.from_file(str(folder / "tokenizer.json")))
    model = Captioner(VisionConfig(), LanguageConfig(prompt.tokenizer.get_vocab_size()))
    tensors = load_file(folder / "model.safetensors")
    named = {n: tensors[renamed(n)].view(t.shape).float() for n, t in model.state_dict().items()}
    if len(named) != len(tensors):
        raise SystemExit(f"{folder}: tensors that the model does not have")
    model.load_state_dict(named)
    return model.eval(), prompt


def upstream(folder: Path):
    model, report = PerceptionLMForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True, attn_implementation="eager")
    faults = {key: value for key, value in report.items() if value and key != "error_msgs"}
    if faults or report.get("error_msgs"):
        raise SystemExit(f"transformers does not load the files strictly: {report}")
    return model.eval()


@torch.no_grad()
def compare(folder: Path):
    """Largest difference of logits to transformers', and how many greedy answers were compared."""
    model, prompt = load(folder)
    other = upstream(folder)
    fast = AutoTokenizer.from_pretrained(folder)
    text = prompt.tokenizer.decode(prompt.before, skip_special_tokens=False)
    if fast(text, add_special_tokens=False).input_ids != prompt.before:
        raise SystemExit("transformers' tokenizer makes other ids of the prompt")
    largest, compared = 0.0, 0
    for item in (captions.item(kind, CHECK_SEED, i) for kind in captions.KINDS for i in range(COMPARED)):
        pixels = captioner.pixels(item.pictures)
        clip = isinstance(item.meaning, captions.Clip)
        key, mark = ("pixel_values_videos", prompt.video) if clip else ("pixel_values", prompt.image)
        seen = [mark] * (25 * len(pixels))
        for q in item.questions:
            ids = [*prompt.before, *seen, *prompt.question(q.text)]
            inputs = {"input_ids": torch.tensor([ids]), key: pixels[None]}
            theirs = other(**inputs).logits[0, -1]
            ours, _ = model(prompt.before, pack(prompt, pixels, len(pixels), [[(q.text, q.answer)]]))
            largest = max(largest, (theirs - ours[0]).abs().max().item())
            if compared % 4 == 0:
                made = other.generate(**inputs, max_new_tokens=24, do_sample=False, attention_mask=torch.ones(1, len(ids)))
                answer = prompt.tokenizer.decode(made[0, len(ids):].tolist())
                if answer != model.answer(prompt, pixels, q.text):
                    raise SystemExit(f"{q.text}: transformers answers '{answer}'")
            compared += 1
    return largest, (compared + 3) // 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path, help="folder of the training run")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(arguments.run, folder)
        largest, answers = compare(folder)
        print(f"largest difference of logits to transformers {largest:.1e}; {answers} greedy answers equal")
        if largest > TOLERANCE:
            raise SystemExit(f"logits differ by more than {TOLERANCE}")
        arguments.folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            shutil.copyfile(file, arguments.folder / file.name)
    print(f"{sum(f.stat().st_size for f in arguments.folder.iterdir()) / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
