"""The networks in torch: layers and windows of the published ones, a quarter of their channels.

Each ends at the feature map before the global pooling, or at its last convolution. The same
architectures are among the fixtures, whose expected numbers are the right answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Case:
    """How to make a network, its input, and one large enough to probe by gradients.

    The probed input is long on one axis only, which costs least.
    """

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    probe: tuple[int, ...]


def norm_act(
    inside: int, outside: int, k: int, s: int = 1, act: type[nn.Module] = nn.ReLU, groups: int = 1
) -> list[nn.Module]:
    window = nn.Conv2d(inside, outside, k, s, k // 2, groups=groups, bias=False)
    return [window, nn.BatchNorm2d(outside), act()]


class Residual(nn.Module):
    def __init__(self, body: list[nn.Module], shortcut: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = shortcut
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.body(x) + self.shortcut(x))


def resnet(counts: tuple[int, ...], bottleneck: bool) -> nn.Module:
    """torchvision's: the stride on the 3x3."""
    layers = [*norm_act(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1)]
    inside = 16
    for stage, count in enumerate(counts):
        for i in range(count):
            width = 16 * 2**stage
            outside, stride = width * (4 if bottleneck else 1), 2 if stage and not i else 1
            if bottleneck:
                body = [*norm_act(inside, width, 1), *norm_act(width, width, 3, stride)]
                body += norm_act(width, outside, 1)[:2]
            else:
                body = [*norm_act(inside, width, 3, stride), *norm_act(width, width, 3)[:2]]
            same = stride == 1 and inside == outside
            shortcut = nn.Sequential(*norm_act(inside, outside, 1, stride)[:2])
            layers.append(Residual(body, nn.Identity() if same else shortcut, nn.ReLU()))
            inside = outside
    return nn.Sequential(*layers)


class Dense(nn.Module):
    def __init__(self, inside: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(inside), nn.ReLU(), *norm_act(inside, 4 * growth, 1),
            nn.Conv2d(4 * growth, growth, 3, 1, 1, bias=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


def densenet(counts: tuple[int, ...], growth: int = 8) -> nn.Module:
    channels = 2 * growth
    layers = [*norm_act(3, channels, 7, 2), nn.MaxPool2d(3, 2, 1)]
    for block, count in enumerate(counts):
        if block:
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            layers += [nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2, 2)]
            channels //= 2
        for _ in range(count):
            layers.append(Dense(channels, growth))
            channels += growth
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU())


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, squeezed, 1), nn.SiLU(), nn.Conv2d(squeezed, channels, 1),
            nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.avgpool(x))


class Inverted(nn.Module):
    def __init__(self, inside: int, outside: int, wide: int, k: int, stride: int) -> None:
        super().__init__()
        layers = norm_act(inside, wide, 1, act=nn.SiLU) if wide != inside else []
        layers += norm_act(wide, wide, k, stride, nn.SiLU, groups=wide)
        layers += [SqueezeExcitation(wide, max(1, inside // 4)), *norm_act(wide, outside, 1)[:2]]
        self.layers = nn.Sequential(*layers)
        self.same = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.same else self.layers(x)


# (expansion, window, channels / 4, repeats, stride), Tan and Le 2019.
B0 = ((1, 3, 4, 1, 1), (6, 3, 6, 2, 2), (6, 5, 10, 2, 2), (6, 3, 20, 3, 2), (6, 5, 28, 3, 1),
      (6, 5, 48, 4, 2), (6, 3, 80, 1, 1))  # fmt: skip


def efficientnet_b0() -> nn.Module:
    layers = norm_act(3, 8, 3, 2, nn.SiLU)
    inside = 8
    for expansion, k, outside, repeats, first in B0:
        for i in range(repeats):
            wide = expansion * inside
            layers.append(Inverted(inside, outside, wide, k, 1 if i else first))
            inside = outside
    return nn.Sequential(*layers, *norm_act(inside, 320, 1, act=nn.SiLU))


class Widen(nn.Module):
    """Zeros before and after, on the channels."""

    def __init__(self, half: int) -> None:
        super().__init__()
        self.half = half

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, 0, 0, 0, 0, 0, self.half, self.half))


def highres3dnet() -> nn.Module:
    layers: list[nn.Module] = [nn.Conv3d(1, 4, 3, 1, 1, bias=False), nn.BatchNorm3d(4), nn.ReLU()]
    inside = 4
    for width, d in ((4, 1), (8, 2), (16, 4)):
        for _ in range(3):
            body: list[nn.Module] = []
            for channels in (inside, width):
                body += [nn.BatchNorm3d(channels), nn.ReLU()]
                body.append(nn.Conv3d(channels, width, 3, 1, d, dilation=d, bias=False))
            more = (width - inside) // 2
            layers.append(Residual(body, Widen(more) if more else nn.Identity(), nn.Identity()))
            inside = width
    return nn.Sequential(*layers, nn.Conv3d(16, 20, 1), nn.ReLU(), nn.Conv3d(20, 3, 1))


class UNet(nn.Module):
    """Four levels, padding 1, bilinear upsampling by 2."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 64, 128, 256)
        self.down = nn.ModuleList(self.twice(a, b) for a, b in pairwise(widths))
        self.pool = nn.ModuleList(nn.MaxPool2d(2, 2) for _ in range(4))
        self.enlarge = nn.ModuleList(
            nn.Upsample(scale_factor=2.0, mode="bilinear") for _ in range(4)
        )
        ups = ((256 + 128, 128), (128 + 64, 64), (64 + 32, 32), (32 + 16, 16))
        self.up = nn.ModuleList(self.twice(a, b) for a, b in ups)
        self.head = nn.Conv2d(16, 2, 1)

    @staticmethod
    def twice(inside: int, outside: int) -> nn.Module:
        return nn.Sequential(*norm_act(inside, outside, 3), *norm_act(outside, outside, 3))

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.down[0](x)]
        for pool, level in zip(self.pool, self.down[1:], strict=True):
            skips.append(level(pool(skips[-1])))
        x = skips.pop()
        for enlarge, level in zip(self.enlarge, self.up, strict=True):
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.head(x)


CASES = {
    "resnet18": Case(lambda: resnet((2, 2, 2, 2), False), (3, 224, 224), (3, 1024, 32)),
    "resnet50": Case(lambda: resnet((3, 4, 6, 3), True), (3, 224, 224), (3, 1024, 32)),
    "densenet201": Case(lambda: densenet((6, 12, 48, 32)), (3, 224, 224), (3, 8192, 32)),
    "efficientnet_b0": Case(efficientnet_b0, (3, 224, 224), (3, 2048, 32)),
    "highres3dnet": Case(highres3dnet, (1, 96, 96, 96), (1, 192, 16, 16)),
    "unet_bilinear": Case(UNet, (1, 256, 256), (1, 512, 32)),
}


def network(name: str) -> nn.Module:
    """Make a network, with torch's own random weights from a fixed seed."""
    torch.manual_seed(0)
    return CASES[name].make().eval()


def prepared(name: str) -> nn.Module:
    """Make a network that no gradient gets lost in, which is what gradient probing asks for.

    Weights are all 1 over the number of what is summed, ReLU is left out, MaxPool averages.
    """
    net = network(name)
    for module in list(net.modules()):
        for key, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, key, nn.Identity())
            elif isinstance(child, nn.MaxPool2d):
                setattr(module, key, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
    for value in net.parameters():
        if value.dim() > 1:
            nn.init.constant_(value, value.shape[0] / value.numel())
    return net
