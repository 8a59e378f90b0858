"""What a model of molecules makes, as RDKit sees it, with MOSES' definitions (Polykovskiy et al. 2020):

    pip install numpy scipy rdkit selfies==2.2.0 python/
    pip install fcd_torch          # the Fréchet ChemNet distance as molsets has it; left out where it cannot be imported
    python bench/molecules/measure.py models/molecules DATA    # the folder with train.csv.gz and test.csv.gz

Writes bench/results/molecules.json.
"""

import argparse
import csv
import gzip
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rdkit
import selfies
import vaelet
from rdkit import Chem, RDLogger
from rdkit.Chem import Crippen
from scipy.stats import spearmanr

RESULTS = Path(__file__).parents[1] / "results" / "molecules.json"
#: Molecules that are moved along the direction, and places on the slider.
MOVED, STOPS = 500, 11
BATCH = 500


class Speller:
    """Tokens as the model's one-hot images, and its logits as tokens."""

    def __init__(self, model):
        self.model = model
        data = model.info["data"]
        self.symbols, self.end = data["symbols"], data["end"]
        self.places = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.length = model.image_shape[2]

    def read(self, text):
        """The symbols of SELFIES, filled with ends; nothing where they do not fit."""
        tokens = list(selfies.split_selfies(text))
        if len(tokens) > self.length or any(token not in self.places for token in tokens):
            return None
        return [self.places[token] for token in tokens] + [self.end] * (self.length - len(tokens))

    def encode(self, rows):
        parts = []
        for i in range(0, len(rows), BATCH):
            image = np.eye(len(self.symbols), dtype=np.float32)[rows[i : i + BATCH]]
            parts.append(self.model.encode(image.transpose(0, 2, 1)[:, :, np.newaxis])[0])
        return np.concatenate(parts)

    def decode(self, z):
        """Places of symbols, [N, T]."""
        return np.concatenate([self.model.decode(z[i : i + BATCH])[:, :, 0].argmax(1) for i in range(0, len(z), BATCH)])

    def write(self, row):
        """SELFIES up to the first end."""
        tokens = []
        for symbol in row:
            if symbol == self.end:
                break
            tokens.append(self.symbols[symbol])
        return "".join(tokens)


def rows_of(path):
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def molecule(text):
    """RDKit's molecule of SELFIES; None where it is not valid, or empty."""
    found = Chem.MolFromSmiles(selfies.decoder(text)) if text else None
    return found if found is not None and found.GetNumAtoms() > 0 else None


def measure_samples(speller, train, count, seed):
    z = speller.model.sample(count, seed)
    molecules = [molecule(speller.write(row)) for row in speller.decode(z)]
    smiles = [Chem.MolToSmiles(one) for one in molecules if one is not None]
    known = {Chem.CanonSmiles(row["smiles"]) for row in train}
    different = set(smiles)
    return smiles, {
        "samples": count,
        "valid": len(smiles) / count,
        "unique_1000": len(set(smiles[:1000])) / len(smiles[:1000]),
        "unique": len(different) / len(smiles),
        "novel": len(different - known) / len(different),
    }


def measure_reconstruction(speller, test):
    rows = [speller.read(row["selfies"]) for row in test]
    fitting = [row for row in rows if row is not None]
    back = speller.decode(speller.encode(fitting))
    exact = sum(speller.write(a) == speller.write(b) for a, b in zip(fitting, back))
    right = np.mean([np.mean(np.array(a) == b) for a, b in zip(fitting, back)])
    return {"test": len(rows), "exact": exact / len(rows), "symbols": float(right)}


def measure_slider(speller, folder, test, name):
    """Rank correlation of the slider with RDKit's logP (Wildman and Crippen 1999) of what is decoded."""
    atlas = json.loads((folder / "atlas.json").read_text())
    direction = next(one for one in atlas["directions"] if one["name"] == name)
    stops = np.linspace(direction["low"], direction["high"], STOPS)
    rows = [row for row in (speller.read(one["selfies"]) for one in test[:MOVED]) if row is not None]
    means = speller.encode(rows)
    moved = means[:, np.newaxis] + stops[np.newaxis, :, np.newaxis] * np.array(direction["vector"], np.float32)
    texts = [speller.write(row) for row in speller.decode(moved.reshape(-1, means.shape[1]).astype(np.float32))]
    found = [molecule(text) for text in texts]
    logp = np.array([np.nan if one is None else Crippen.MolLogP(one) for one in found]).reshape(len(means), STOPS)
    # A molecule that is the same at all stops has followed nothing.
    each = [0.0 if np.nanmin(row) == np.nanmax(row) else spearmanr(stops, row, nan_policy="omit").statistic for row in logp]
    return {
        "molecules": len(means),
        "from": float(stops[0]),
        "to": float(stops[-1]),
        "valid": float(np.mean(np.isfinite(logp))),
        "rho_each": float(np.mean(each)),
        "rho_all": float(spearmanr(np.tile(stops, len(means)), logp.ravel(), nan_policy="omit").statistic),
        "logp": [float(value) for value in np.nanmedian(logp, axis=0)],
    }


def measure_fcd(smiles, test):
    try:
        from fcd_torch import FCD
    except ImportError as error:
        return {"missing": str(error)}
    return {"test": FCD(device="cpu", n_jobs=1)(gen=smiles, ref=[row["smiles"] for row in test])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--direction", default="oily")
    options = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    speller = Speller(vaelet.load(options.model))
    train, test = (rows_of(options.data / f"{split}.csv.gz") for split in ("train", "test"))
    smiles, samples = measure_samples(speller, train, options.count, options.seed)
    found = {
        "versions": {"rdkit": rdkit.__version__, "selfies": version("selfies")},
        "weights": speller.model.info["weights"]["sha256"],
        "samples": samples,
        "reconstruction": measure_reconstruction(speller, test),
        "slider": measure_slider(speller, options.model, test, options.direction),
        "fcd": measure_fcd(smiles, test),
    }
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


main()
