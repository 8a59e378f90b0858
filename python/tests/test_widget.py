"""Traits and files of a widget, without a browser."""

import tempfile
import unittest
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import traitlets
import vaelet
from vaelet._server import SITE, Server

MODELS = Path(__file__).resolve().parents[2] / "models"


class Files(unittest.TestCase):
    def test_only_files_of_the_folders_are_served_and_only_by_the_secret_address(self):
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "model"
            folder.mkdir()
            (folder / "model.json").write_text("{}")
            (Path(parent) / "secret.txt").write_text("no")
            server = Server()
            address = server.add(folder)
            self.assertEqual(server.add(folder), address)
            with urlopen(address + "model.json") as answer:
                self.assertEqual(answer.read(), b"{}")
                self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
            secret = server.address.split("/")[3]
            for wrong in ["../secret.txt", "%2e%2e/secret.txt", "missing", ""]:
                with self.assertRaises(HTTPError) as refused:
                    urlopen(address + wrong)
                refused.exception.close()
            with self.assertRaises(HTTPError) as refused:
                urlopen(address.replace(secret, "x" * len(secret)) + "model.json")
            refused.exception.close()

    def test_the_wheel_holds_the_element_and_its_programs(self):
        self.assertTrue((SITE / "web/vae-let.js").is_file())
        self.assertTrue((SITE / "vaelet-web_bg.wasm").is_file())


class Traits(unittest.TestCase):
    def test_arrays_go_to_the_page_and_come_back(self):
        widget = vaelet.widget(MODELS / "digits", view="edit", seed=3)
        self.assertTrue(widget._src.startswith("http://127.0.0.1:"))
        widget.z = np.arange(32)
        packed = widget.get_state("z")["z"]
        self.assertEqual(packed["shape"], [32])
        widget.set_state({"z": {"data": memoryview(np.ones(32, np.float32).tobytes()), "shape": [32]}})
        np.testing.assert_array_equal(widget.z, np.ones(32))
        self.assertEqual(widget.z.dtype, np.float32)

    def test_wrong_shapes_and_missing_models_fail_in_python(self):
        widget = vaelet.widget(MODELS / "digits")
        with self.assertRaisesRegex(traitlets.TraitError, "expected .32,"):
            widget.z = [1, 2]
        with self.assertRaisesRegex(traitlets.TraitError, "expected .1, 28, 28."):
            widget.image = np.zeros((28, 28))
        with self.assertRaises(FileNotFoundError):
            vaelet.widget(MODELS / "no-such-model")


if __name__ == "__main__":
    unittest.main()
