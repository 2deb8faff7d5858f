"""The published Perception Encoders: configurations of perception_models core/vision_encoder/config.py."""


def vision(image, patch, width, layers, heads, *, ratio=4.0, out=None, scale=None, cls=True):
    pooled = out is not None
    return dict(
        image_size=image, patch_size=patch, width=width, layers=layers, heads=heads, mlp_ratio=ratio, output_dim=out,
        ls_init_value=scale, use_cls_token=cls, pool_type="attn" if pooled else "none", attn_pooler_heads=8,
        use_ln_post=pooled)


def text(context, width, layers, out):
    return dict(context_length=context, width=width, heads=width // 64, layers=layers, output_dim=out, mlp_ratio=4.0,
                vocab_size=49408)


GIGANTIC = dict(ratio=8960 / 1536, cls=False)
LANG_L = vision(448, 14, 1024, 23, 16, scale=0.1)
LANG_G = vision(448, 14, 1536, 47, 16, scale=0.1, **GIGANTIC)

# name: (image tower, text tower or None)
MODELS = {
    "PE-Core-T16-384": (vision(384, 16, 192, 12, 3, out=512), text(32, 512, 12, 512)),
    "PE-Core-S16-384": (vision(384, 16, 384, 12, 6, out=512), text(32, 512, 12, 512)),
    "PE-Core-B16-224": (vision(224, 16, 768, 12, 12, out=1024), text(32, 1024, 24, 1024)),
    "PE-Core-L14-336": (vision(336, 14, 1024, 24, 16, out=1024), text(32, 1024, 24, 1024)),
    "PE-Core-G14-448": (vision(448, 14, 1536, 50, 16, out=1280, **GIGANTIC), text(72, 1280, 24, 1280)),
    "PE-Lang-L14-448": (LANG_L, None),
    "PE-Lang-L14-448-Tiling": (LANG_L, None),
    "PE-Lang-G14-448": (LANG_G, None),
    "PE-Lang-G14-448-Tiling": (LANG_G, None),
    "PE-Spatial-T16-512": (vision(512, 16, 192, 12, 3), None),
    "PE-Spatial-S16-512": (vision(512, 16, 384, 12, 6), None),
    "PE-Spatial-B16-512": (vision(512, 16, 768, 12, 12), None),
    "PE-Spatial-L14-448": (vision(448, 14, 1024, 24, 16), None),
    "PE-Spatial-G14-448": (vision(448, 14, 1536, 50, 16, scale=0.1, **GIGANTIC), None),
}
