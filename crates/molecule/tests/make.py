"""Makes selfies.csv and smiles.csv, what `selfies` 2.2.0 says of random tokens and of SMILES:

    pip install selfies==2.2.0
    python crates/molecule/tests/make.py DATA    # the folder with vocab.json and test.csv.gz
"""

import csv
import gzip
import json
import random
import sys
from pathlib import Path

import selfies as sf

DATA, HERE = Path(sys.argv[1]), Path(__file__).parent
SMILES = """
C CC C=C C#C CCO CC(=O)O CC(=O)Oc1ccccc1C(=O)O Cn1cnc2c1c(=O)n(C)c(=O)n2C c1ccccc1 C1CCCCC1 c1ccc2ccccc2c1
c1cc2cccc3ccc4cccc1c4c32 c1ccc2c(c1)ccc1ccccc12 c1cccc2cccc-2c1 c1ccoc1 c1ccsc1 c1cc[nH]c1 c1cncnc1 c1c[nH]cn1 c1ccncc1
O=c1cc[nH]cc1 O=C1C=CC(=O)C=C1 c1ccc(-c2ccccc2)cc1 c1ccc(cc1)c1ccccc1 c1cc(c2ccccc2)ccc1 C1CC2CCC1C2 C12CC1C2 C1=CC=CC=C1
CS(=O)(=O)N CS(C)=O FC(F)(F)c1ccccc1 [O-][N+](=O)c1ccccc1 C[N+](C)(C)C [NH4+] [OH-] [Na+] [13CH4] [2H]C [CH2] [CH3][CH3]
c1ccc[n+]([O-])c1 c1cc[nH+]cc1 C[n+]1ccccc1 [O-]c1ccccc1 c1ccc2[nH]ccc2c1 c1ccc2[nH]c3ccccc3c2c1 c1nc2ncnc2c(n1)N OP(=O)(O)O
N#Cc1ccccc1 CC#N ClCCl BrC(Br)Br II C1CCC2(CC1)CCCCC2 C%10CCCCC%10 C%12CCC%12 C1CCCC1C1CCCC1 C1CC1C2CC2 C(C)(C)(C)C CC(CC1)C1
CC(=O)NCCC1=CNc2c1cc(OC)cc2 CN1C=NC2=C1C(=O)N(C(=O)N2C)C CC(C)Cc1ccc(cc1)C(C)C(=O)O OC1=CC=CC=C1 c1ccc2nc3ccccc3nc2c1
c1cc2ccc3cccc4ccc(c1)c2c34 c1ccc2c3ccccc3c3ccccc3c2c1 C1=CC2=CC=CC2=C1 c1cc2cccc2c1 c1csc2nc[nH]c12 o1cccc1 s1cccc1 n1cccc1C
B(O)O c1cc[se]c1 C[Si](C)(C)C C[Se]C [Fe+2] [Cu] C=1CCCCC=1 C=1CCCCC1 C1CCCCC=1 C-C C:C C(C(C(C)C)C)C C1C2C3C1C23 c1ccc2cccnc2c1
O=S1(=O)NC(=O)c2ccccc12 CN(C)CCc1c[nH]c2ccccc12 CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2O [C] [CH0] [C-]#[O+] N=[N+]=[N-] CN=C=O
""".split()


def write(name, rows):
    with open(HERE / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def main():
    chance = random.Random(1)
    vocab = json.loads((DATA / "vocab.json").read_text())["vocab"]
    rich = sorted(sf.get_semantic_robust_alphabet()) + [
        "[/C]", "[\\C]", "[C@H1]", "[C@@H1]", "[=N+1]", "[N-1]", "[13CH1]", "[CH0]", "[Fe+2]", "[-/Ring1]", "[\\-Ring2]", "[\\/Ring1]",
        "[epsilon]", "[nop]", "[=Si]", "[#B]", ".",
    ]
    rows = []
    for alphabet, count in [(vocab, 250), (rich, 250)]:
        for _ in range(count):
            tokens = "".join(chance.choices(alphabet, k=chance.randint(1, 50)))
            rows.append([tokens, sf.decoder(tokens)])
    write("selfies.csv", rows)

    with gzip.open(DATA / "test.csv.gz", "rt") as file:
        moses = [row["smiles"] for row in csv.DictReader(file)]
    rows = []
    for smiles in SMILES + chance.sample(moses, 200):
        try:
            tokens = sf.encoder(smiles)
        except sf.EncoderError:
            rows.append([smiles, "", ""])
            continue
        rows.append([smiles, tokens, sf.decoder(tokens)])
    write("smiles.csv", rows)


main()
