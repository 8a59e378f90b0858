"""Models as numpy functions give what the trainer gave: the golden files of the released models."""

import unittest
from pathlib import Path

import numpy as np
from vaelet import load
from vaelet._model import _read_tensors, _reads_text

MODELS = Path(__file__).resolve().parents[2] / "models"


class Golden(unittest.TestCase):
    def test_every_released_model_gives_its_golden_values(self):
        folders = sorted(file.parent for file in MODELS.glob("*/golden.safetensors"))
        self.assertTrue(folders)
        for folder in folders:
            with self.subTest(folder.name):
                golden, model = _read_tensors(folder / "golden.safetensors"), load(folder)
                classes = golden["classes"].astype(int) if "classes" in golden else None
                mean, log_var = model.encode(golden["images"], classes)
                np.testing.assert_allclose(mean, golden["mean"], atol=1e-3)
                np.testing.assert_allclose(log_var, golden["log_var"], atol=1e-3)
                # A decoder of texts reads them, as burn's did.
                texts = golden["images"][:, :, 0].argmax(axis=1) if _reads_text(model.info["decoder"]) else None
                np.testing.assert_allclose(model.decode(golden["z"], classes, texts), golden["reconstruction"], atol=1e-3)

    def test_one_item_is_a_batch_of_one(self):
        model = load(MODELS / "digits")
        z = model.sample(3, seed=1)
        self.assertEqual(z.shape, (3, 32))
        np.testing.assert_array_equal(z, model.sample(3, seed=1))
        np.testing.assert_allclose(model.decode(z[0]), model.decode(z)[:1], atol=1e-6)

    def test_a_text_is_written_as_if_symbol_by_symbol(self):
        model = load(MODELS / "molecules")
        symbols, _, width = model.image_shape
        z = model.sample(2, seed=1)
        written = np.full((2, width), symbols)
        for place in range(width):
            written[:, place] = model.decode(z, written=written)[:, :, 0, place].argmax(1)
        np.testing.assert_array_equal(model.decode(z)[:, :, 0].argmax(1), written)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(FileNotFoundError, "no model.json"):
            load(MODELS)
        model = load(MODELS / "digits")
        with self.assertRaisesRegex(ValueError, r"z has the shape \(2,\); expected \(N, 32\)"):
            model.decode([0, 1])
        with self.assertRaisesRegex(ValueError, "no classes"):
            model.decode(np.zeros(32), classes=1)
        with self.assertRaisesRegex(ValueError, "0 to 61"):
            load(MODELS / "letters").decode(np.zeros(32), classes=62)

    def test_activations_are_their_formulas(self):
        from vaelet._model import _activate

        x = np.linspace(-5, 5, 41, dtype=np.float32)
        gelu, approximate = _activate("gelu", x), _activate("gelu_tanh", x)
        self.assertLess(np.abs(gelu - approximate).max(), 1e-3)
        self.assertGreater(np.abs(gelu - approximate).max(), 1e-4)
        np.testing.assert_allclose(_activate("softplus", x), np.log(1 + np.exp(x)), atol=1e-5)
        np.testing.assert_allclose(_activate("elu", x), np.where(x > 0, x, np.exp(x) - 1), atol=1e-6)
        np.testing.assert_allclose(_activate("log_square", x[x != 0]), np.log(x[x != 0] ** 2), atol=1e-5)
        with self.assertRaisesRegex(ValueError, "not known"):
            _activate("mish", x)


if __name__ == "__main__":
    unittest.main()
