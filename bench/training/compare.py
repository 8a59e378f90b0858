"""Compares the training throughput of vaelet's CPU backend with PyTorch's, for the same model.

    pip install torch
    cargo build --release -p vaelet-train
    python bench/training/compare.py models/digits digits data/mnist

PyTorch's network is built from model.json. Both use batches of 128, float32 and AdamW. Each runs
three times for 20 seconds, in turns. The medians and their ratio are written to
bench/results/training.json.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

BATCH = 128
TURNS = 3
SECONDS = 20
ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "silu": nn.SiLU, "sigmoid": nn.Sigmoid}


class Residual(nn.Module):
    def __init__(self, layers, activation):
        super().__init__()
        self.layers, self.activation = layers, activation

    def forward(self, x):
        return self.activation(x + self.layers(x))


def network(layers):
    modules = []
    for layer in layers:
        kind = layer["type"]
        if kind == "linear":
            modules += [nn.Flatten(), nn.Linear(layer["inputs"], layer["outputs"])]
        elif kind in ("conv2d", "conv_transpose2d"):
            make = nn.Conv2d if kind == "conv2d" else nn.ConvTranspose2d
            sizes = [layer[key] for key in ("in_channels", "out_channels", "kernel", "stride", "padding")]
            modules.append(make(*sizes))
        elif kind == "residual":
            modules.append(Residual(network(layer["layers"]), ACTIVATIONS[layer["activation"]]()))
            continue
        elif kind == "reshape":
            shape = (layer["channels"], layer["height"], layer["width"])
            modules.append(nn.Unflatten(1, shape))
            continue
        else:
            sys.exit(f"layers of type {kind} are not supported")
        modules.append(ACTIVATIONS[layer["activation"]]())
    return nn.Sequential(*modules)


def pytorch(spec):
    """Measures images per second."""
    torch.manual_seed(1)
    encoder, decoder = network(spec["encoder"]), network(spec["decoder"])
    # The loss expects logits.
    decoder[-1] = nn.Identity()
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, 1e-3)
    shape = [spec["input"][key] for key in ("channels", "height", "width")]
    images = (torch.rand(BATCH, *shape) < 0.2).float()
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        mean, log_var = encoder(images).chunk(2, 1)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        reconstruction = nn.functional.binary_cross_entropy_with_logits(
            decoder(z), images, reduction="sum"
        )
        kl = 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum()
        optimizer.zero_grad()
        ((reconstruction + kl) / BATCH).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return BATCH / statistics.median(times[5:])


def vaelet(preset, data):
    """Images per second, as the progress bar showed last."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["target/release/vaelet", "train", preset, "--data", data, "--out", f"{folder}/model"]
        command += ["--run", f"{folder}/run", "--epochs", "1"]
        # The progress bar needs a terminal, which `script` provides.
        line = " ".join(command)
        log = Path(folder) / "log"
        with subprocess.Popen(
            ["script", "-qfec", line, str(log)], stdout=subprocess.DEVNULL
        ) as process:
            time.sleep(SECONDS)
            process.terminate()
        rates = re.findall(r"(\d+) images/s", log.read_text(errors="replace"))
        return float(rates[-1])


def main():
    model, preset, data = sys.argv[1:]
    spec = json.loads((Path(model) / "model.json").read_text())
    found = {"pytorch": [], "vaelet": []}
    for _ in range(TURNS):
        found["pytorch"].append(pytorch(spec))
        found["vaelet"].append(vaelet(preset, data))
    medians = {name: round(statistics.median(values)) for name, values in found.items()}
    result = {
        "model": spec["name"],
        "batch": BATCH,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "images_per_second": medians,
        "ratio": round(medians["vaelet"] / medians["pytorch"], 2),
    }
    text = json.dumps(result, indent=1)
    Path("bench/results/training.json").write_text(text + "\n")
    print(text)


main()
