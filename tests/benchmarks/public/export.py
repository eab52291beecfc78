"""Export one network by torch: `python export.py NAME ts|dynamo FILE`; the names alone: no words.

Runs in an environment of its own (requirements.txt). Weights are random: only the graph counts.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

OPSET = 17  # of the older exporter; the newer one is left to choose

# Classifiers by their names in torchvision, and the input's height.
TORCHVISION = {
    "convnext_tiny": 224, "densenet161": 224, "densenet201": 224, "efficientnet_v2_s": 224,
    "googlenet": 224, "inception_v3": 299, "maxvit_t": 224, "mnasnet1_0": 224,
    "mobilenet_v3_large": 224, "regnet_y_8gf": 224, "resnet18": 224, "resnet50": 224,
    "resnet152": 224, "shufflenet_v2_x1_0": 224, "squeezenet1_1": 224, "swin_t": 224,
    "swin_v2_t": 224, "vgg16_bn": 224, "vit_b_16": 224,
}  # fmt: skip
TIMM = {
    "bat_resnext26ts": 256, "botnet26t_256": 256, "coat_lite_mini": 224, "convnextv2_tiny": 224,
    "cspdarknet53": 256, "davit_tiny": 224, "dla34": 224, "edgenext_small": 256,
    "efficientnet_b0": 224, "efficientvit_b0": 224, "ese_vovnet39b": 224, "fastvit_t8": 256,
    "focalnet_tiny_srf": 224, "ghostnet_100": 224, "gmlp_s16_224": 224, "halonet26t": 256,
    "hgnet_tiny": 224, "hrnet_w18": 224, "inception_resnet_v2": 299, "lambda_resnet26t": 256,
    "levit_128": 224, "maxvit_tiny_tf_224": 224, "mixer_b16_224": 224, "mobilevit_s": 256,
    "nasnetalarge": 331, "nextvit_small": 224, "pnasnet5large": 331, "poolformer_s12": 224,
    "repvgg_a0": 224, "res2net50_26w_4s": 224, "resnest50d": 224, "selecsls42b": 224,
    "swin_tiny_patch4_window7_224": 224, "swinv2_tiny_window8_256": 256,
    "tf_efficientnet_b0": 224, "tresnet_m": 224, "vit_base_patch16_224": 224, "xception65": 299,
    "xcit_tiny_12_p16_224": 224,
}  # fmt: skip
FLAT, DEEP = (1, 1, 64, 64), (1, 1, 64, 64, 64)
# A class, its arguments, and the input's shape.
MONAI: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "attention_unet": ("AttentionUnet", {"channels": (8, 16, 32), "strides": (2, 2)}, FLAT),
    "basic_unet": ("BasicUNet", {}, FLAT),
    "basic_unet_plus_plus": ("BasicUNetPlusPlus", {}, FLAT),
    "highresnet": ("HighResNet", {}, (1, 1, 32, 32, 32)),
    "segresnet": ("SegResNet", {}, FLAT),
    "swin_unetr_2d": ("SwinUNETR", {"feature_size": 12}, FLAT),
    "swin_unetr_3d": ("SwinUNETR", {"feature_size": 12}, DEEP),
    "unet_2d": ("UNet", {"channels": (16, 32, 64), "strides": (2, 2), "num_res_units": 2}, FLAT),
    "unetr": ("UNETR", {"img_size": (64, 64)}, FLAT),
    "vnet": ("VNet", {}, (1, 1, 32, 32, 32)),
}
SPEECH = (1, 16_000)
# A class, its configuration and what differs there, a part of it or none, and the input's shape.
TRANSFORMERS: dict[str, tuple[str, str, dict[str, Any], str | None, tuple[int, ...]]] = {
    "conformer": (
        "Wav2Vec2ConformerModel", "Wav2Vec2ConformerConfig",
        {"num_hidden_layers": 2, "position_embeddings_type": "relative"}, None, SPEECH,
    ),
    "dac_decoder": ("DacModel", "DacConfig", {}, "decoder", (1, 1024, 40)),
    "dac_encoder": ("DacModel", "DacConfig", {}, "encoder", (1, 1, 16_000)),
    "dpt": (
        "DPTForDepthEstimation", "DPTConfig",
        {"num_hidden_layers": 4, "backbone_out_indices": [0, 1, 2, 3], "image_size": 192},
        None, (1, 3, 192, 192),
    ),
    "encodec_decoder": ("EncodecModel", "EncodecConfig", {}, "decoder", (1, 128, 40)),
    "encodec_encoder": ("EncodecModel", "EncodecConfig", {}, "encoder", (1, 1, 24_000)),
    "glpn": ("GLPNForDepthEstimation", "GLPNConfig", {}, None, (1, 3, 192, 192)),
    "hifigan": ("SpeechT5HifiGan", "SpeechT5HifiGanConfig", {}, None, (100, 80)),
    "parakeet": ("ParakeetEncoder", "ParakeetEncoderConfig", {"num_hidden_layers": 2}, None,
                 (1, 400, 80)),
    "pvt": ("PvtModel", "PvtConfig", {}, None, (1, 3, 224, 224)),
    "rtdetr": ("RTDetrForObjectDetection", "RTDetrConfig", {}, None, (1, 3, 640, 640)),
    "segformer": ("SegformerForSemanticSegmentation", "SegformerConfig", {}, None,
                  (1, 3, 256, 256)),
    "swin": ("SwinModel", "SwinConfig", {}, None, (1, 3, 224, 224)),
    "swin2sr": ("Swin2SRForImageSuperResolution", "Swin2SRConfig",
                {"depths": [2, 2], "num_heads": [6, 6]}, None, (1, 3, 64, 64)),
    "timesformer": ("TimesformerModel", "TimesformerConfig", {"num_hidden_layers": 2}, None,
                    (1, 8, 3, 224, 224)),
    "vits_decoder": ("VitsModel", "VitsConfig", {}, "decoder", (1, 192, 50)),
    "wav2vec2": ("Wav2Vec2Model", "Wav2Vec2Config", {"num_hidden_layers": 2}, None, SPEECH),
    "whisper_encoder": ("WhisperModel", "WhisperConfig",
                        {"encoder_layers": 2, "decoder_layers": 1}, "encoder", (1, 80, 3000)),
}  # fmt: skip
NAMES = (
    *(f"torchvision.{name}" for name in TORCHVISION),
    *(f"timm.{name}" for name in TIMM),
    *(f"monai.{name}" for name in MONAI),
    *(f"transformers.{name}" for name in TRANSFORMERS),
)


def network(name: str) -> tuple[Any, tuple[int, ...]]:
    """Return a network by its library and its name there, and the shape of its input."""
    library, _, name = name.partition(".")
    return {
        "torchvision": from_torchvision,
        "timm": from_timm,
        "monai": from_monai,
        "transformers": from_transformers,
    }[library](name)


def from_torchvision(name: str) -> tuple[Any, tuple[int, ...]]:
    import torchvision

    size = TORCHVISION[name]
    return torchvision.models.get_model(name, weights=None), (1, 3, size, size)


def from_timm(name: str) -> tuple[Any, tuple[int, ...]]:
    import timm

    return timm.create_model(name, exportable=True), (1, 3, TIMM[name], TIMM[name])


def from_monai(name: str) -> tuple[Any, tuple[int, ...]]:
    from monai.networks import nets

    made, options, shape = MONAI[name]
    rank = len(shape) - 2
    return getattr(nets, made)(spatial_dims=rank, in_channels=1, out_channels=2, **options), shape


def from_transformers(name: str) -> tuple[Any, tuple[int, ...]]:
    import transformers

    made, config, options, part, shape = TRANSFORMERS[name]
    model = getattr(transformers, made)(getattr(transformers, config)(**options))
    return (getattr(model, part) if part else model), shape


def tensors_of(model: Any) -> Any:
    """Return the network with its first tensors as outputs, whatever it returns them in."""
    import torch

    class Tensors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Any) -> Any:
            made = self.model(x)
            if isinstance(made, torch.Tensor):
                return made
            values = made.to_tuple() if hasattr(made, "to_tuple") else made
            return tuple(value for value in values if isinstance(value, torch.Tensor))[:2]

    return Tensors()


def declare_missing_operators() -> None:
    """Name two operators of torchvision where its library was built for another build of torch.

    Importing it asks for them; no network here has them.
    """
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    globals()["_kept"] = library  # what it defines is gone with it


def main(name: str, way: str, file: str) -> None:
    import torch

    warnings.simplefilter("ignore")
    declare_missing_operators()
    model, shape = network(name)
    model = tensors_of(model.eval()).eval()
    export: Callable[..., Any] = torch.onnx.export
    options = {"opset_version": OPSET} if way == "ts" else {"external_data": False}
    with torch.no_grad():
        export(model, (torch.zeros(*shape),), file, dynamo=way == "dynamo", **options)


if __name__ == "__main__":
    if sys.argv[1:]:
        main(*sys.argv[1:])
    else:
        print("\n".join(NAMES))
