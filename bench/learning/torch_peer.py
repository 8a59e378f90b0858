"""Trains the two VAEs of this bench with PyTorch on one thread, and prints images a second.

    pip install torch
    cargo run --release -p vaelet-learn --example speed     # ours, natively on one thread
    python bench/learning/torch_peer.py

Batches of 128 and Adam, as in run.mjs. The time of a step is that of the process on the CPU, so that other work on the
machine counts less; the rate is of the median step.
"""

import statistics
import time

import torch
from torch import nn

BATCH, LATENTS, HIDDEN, NARROW, WIDE = 128, 10, 400, 16, 32
SECONDS = 5


def mlp():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENTS))
    decoder = nn.Sequential(nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784), nn.Unflatten(1, (1, 28, 28)))
    return encoder, decoder


def convolutional():
    halve = lambda a, b: [nn.Conv2d(a, b, 4, 2, 1), nn.SiLU()]
    encoder = nn.Sequential(*halve(1, NARROW), *halve(NARROW, WIDE), nn.Flatten(), nn.Linear(49 * WIDE, 2 * LATENTS))
    decoder = nn.Sequential(
        nn.Linear(LATENTS, 49 * WIDE), nn.SiLU(), nn.Unflatten(1, (WIDE, 7, 7)),
        nn.ConvTranspose2d(WIDE, NARROW, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(NARROW, 1, 4, 2, 1),
    )
    return encoder, decoder


def rate(make):
    torch.manual_seed(1)
    encoder, decoder = make()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3)
    images = (torch.rand(BATCH, 1, 28, 28) < 0.2).float()
    times, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.process_time()
        mean, log_var = encoder(images).chunk(2, 1)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        nats = nn.functional.binary_cross_entropy_with_logits(decoder(z), images, reduction="sum")
        kl = 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum()
        optimizer.zero_grad()
        ((nats + kl) / BATCH).backward()
        optimizer.step()
        times.append(time.process_time() - start)
    times = sorted(times[5:])
    return BATCH / statistics.median(times), BATCH / times[0]


torch.set_num_threads(1)
for name, make in [("Mlp", mlp), ("Convolutional", convolutional)]:
    median, best = rate(make)
    print(f"{name}: {median:.0f} images/s (median), {best:.0f} (best), PyTorch {torch.__version__}")
