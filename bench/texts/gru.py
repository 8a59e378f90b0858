"""What a model of texts is compared with: a GRU that writes letter by letter and has no latents.

    python bench/texts/gru.py --data places.csv

It reads the same table, is told the same class, and prints nats for each symbol of the test split, ends included.
Needs PyTorch.
"""

import argparse
import csv
import json
import time

import torch
from torch import nn


class Writer(nn.Module):
    """Probabilities of the next symbol, given those before and the class of the text."""

    def __init__(self, symbols, classes, narrow, hidden):
        super().__init__()
        self.symbol = nn.Embedding(symbols + 1, narrow)  # one more for the beginning
        self.kind = nn.Embedding(classes, narrow)
        self.gru = nn.GRU(2 * narrow, hidden, batch_first=True)
        self.out = nn.Linear(hidden, symbols)

    def forward(self, before, kinds):
        kinds = self.kind(kinds)[:, None].expand(-1, before.shape[1], -1)
        return self.out(self.gru(torch.cat([self.symbol(before), kinds], 2))[0])


def read(path):
    """Symbols of each text, with 0 as its end, and its class; training texts, then test texts."""
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    letters = sorted({letter for row in rows for letter in row["name"].lower()})
    kinds = sorted({row["country"] for row in rows})
    width = max(len(row["name"]) for row in rows) + 1
    parts = {}
    for part in ["train", "test"]:
        own = [row for row in rows if row["split"] == part]
        texts = torch.zeros(len(own), width, dtype=torch.long)
        for text, row in zip(texts, own):
            for i, letter in enumerate(row["name"].lower()):
                text[i] = 1 + letters.index(letter)
        parts[part] = texts, torch.tensor([kinds.index(row["country"]) for row in own])
    return parts["train"], parts["test"], 1 + len(letters), len(kinds)


def nats(model, texts, kinds):
    """Nats of each text, ends included, and its number of symbols."""
    start = torch.full_like(texts[:, :1], model.out.out_features)
    logits = model(torch.cat([start, texts[:, :-1]], 1), kinds)
    costs = nn.functional.cross_entropy(logits.transpose(1, 2), texts, reduction="none")
    # What follows the first end is none of the text.
    counts = torch.cat([torch.ones_like(texts[:, :1]), (texts[:, :-1] != 0).cumprod(1)], 1)
    return (costs * counts).sum(1), counts.sum(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="CSV with the columns name, country and split")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--narrow", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    (texts, kinds), test, symbols, classes = read(args.data)
    model = Writer(symbols, classes, args.narrow, args.hidden)
    steps = args.epochs * (len(texts) // args.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    begin = time.time()
    for epoch in range(args.epochs):
        model.train()
        for chosen in torch.randperm(len(texts)).split(args.batch)[: len(texts) // args.batch]:
            cost, count = nats(model, texts[chosen], kinds[chosen])
            optimizer.zero_grad()
            (cost.sum() / count.sum()).backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            parts = [nats(model, *pair) for pair in zip(test[0].split(500), test[1].split(500))]
        cost, count = (torch.cat([part[i] for part in parts]).sum().item() for i in [0, 1])
        print(
            json.dumps(
                {
                    "epoch": epoch + 1,
                    "nats_per_symbol": round(cost / count, 4),
                    "nats_per_text": round(cost / len(test[0]), 3),
                    "parameters": sum(p.numel() for p in model.parameters()),
                    "seconds": round(time.time() - begin),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
