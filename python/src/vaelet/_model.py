"""A model folder as numpy functions: the layers of `model.json`, one after the other.

`crates/model/src/format/description.rs` is the reference of the format. Images between layers are [N, H, W, C].
"""

import json
import math
from pathlib import Path

import numpy as np

FORMAT = "vaelet/1"
_TYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I8": np.dtype("i1")}


def load(folder):
    """Reads a model's folder. Raises `FileNotFoundError` or `ValueError`, with what is wrong."""
    return Model(folder)


class Model:
    """A model, which encodes, decodes and samples."""

    def __init__(self, folder):
        self.folder = Path(folder)
        description = self.folder / "model.json"
        if not description.is_file():
            raise FileNotFoundError(f"{self.folder} has no model.json; give the folder of a model")
        self.info = json.loads(description.read_text("utf-8"))
        if self.info.get("format") != FORMAT:
            raise ValueError(f"{description}: format is {self.info.get('format')!r}, and this version reads {FORMAT!r}")
        self._tensors = _read_tensors(self.folder / Path(self.info["weights"]["file"]).name)
        shape = self.info["input"]
        #: Channels, height and width of an image.
        self.image_shape = (shape["channels"], shape["height"], shape["width"])
        #: Number of latent variables.
        self.latent_size = sum(group["size"] for group in self.info["latents"])
        #: Names of the classes of a conditional model.
        self.classes = (self.info.get("condition") or {}).get("classes", [])

    def __repr__(self):
        return f"<vaelet.Model {self.info['title']}: {self.image_shape} and {self.latent_size} latents>"

    def encode(self, images, classes=None):
        """q(z | x) of images [N, C, H, W] or [C, H, W] in [0, 1]: means and log σ², each [N, L]."""
        images = _items(images, self.image_shape, "images")
        x = self._run("encoder", np.moveaxis(images, 1, 3), classes)
        return np.split(x.reshape(len(images), 2 * self.latent_size), 2, axis=1)

    def decode(self, z, classes=None, written=None):
        """The images [N, C, H, W] of latents [N, L] or [L], in [0, 1]; the mean of p(x | z).

        Of texts these are logits. Where the decoder reads the symbols before each place, they are those of the text that
        it writes, the likeliest symbol one after another, or of the symbols [N, W] that are `written`.
        """
        z = _items(z, (self.latent_size,), "z")
        channels, height, width = self.image_shape

        def images(written=None):
            values = self._run("decoder", z, classes, written).reshape(len(z), height, width, channels)
            return np.moveaxis(values, 3, 1)

        if written is not None or not _reads_text(self.info["decoder"]):
            return images(None if written is None else np.asarray(written).reshape(len(z), width))
        # All places at once, again with what came out, until that stays: after n turns n symbols are right.
        written = np.full((len(z), width), channels)
        for _ in range(width + 1):
            logits = images(written)
            better = logits[:, :, 0].argmax(axis=1)
            if np.array_equal(better, written):
                break
            written = better
        return logits

    def sample(self, count=1, seed=None):
        """Latents [N, L] of the model's own prior. Seeds are numpy's, not those of the page."""
        rng = np.random.default_rng(seed)
        parts = []
        for group in self.info["latents"]:
            noise = rng.standard_normal((count, group["size"]))
            prior = group["prior"]
            if prior["kind"] == "mixture":
                weight, mean, factor = (self._tensors[f"{prior['params']}.{part}"] for part in ("weight", "mean", "factor"))
                weight = weight.astype(np.float64)
                component = rng.choice(len(weight), size=count, p=weight / weight.sum())
                noise = mean[component] + np.einsum("nij,nj->ni", np.tril(factor[component]), noise)
            parts.append(noise)
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _run(self, chain, x, classes, written=None):
        if classes is not None and not self.classes:
            raise ValueError("this model has no classes")
        if classes is not None:
            classes = np.broadcast_to(np.asarray(classes, dtype=int), len(x))
            if np.any((classes < 0) | (classes >= len(self.classes))):
                raise ValueError(f"classes have to be 0 to {len(self.classes) - 1}")
        for layer in self.info[chain]:
            x = self._layer(layer, x, classes, written)
        return x

    def _layer(self, layer, x, classes, written):
        kind = layer["type"]
        if kind == "reshape":
            return x.reshape(len(x), layer["height"], layer["width"], layer["channels"])
        if kind == "upsample":
            return x.repeat(2, axis=1).repeat(2, axis=2)
        if kind == "residual":
            y = x
            for inner in layer["layers"]:
                y = self._layer(inner, y, classes, written)
            y = x + y.reshape(x.shape)
        else:
            weight, bias = (self._tensors[f"{layer['params']}.{part}"] for part in ("weight", "bias"))
            if kind == "linear":
                y = x.reshape(len(x), -1) @ weight + bias
            elif kind == "conv2d":
                y = _conv2d(x, weight, layer["stride"], layer["padding"]) + bias
            elif kind == "conv_transpose2d":
                y = _conv_transpose2d(x, weight, layer["stride"], layer["padding"]) + bias
            elif kind == "condition":
                y = x.reshape(len(x), -1) + bias
                if classes is not None:
                    y = y + weight[classes]
            elif kind == "context":
                y = x + bias
                if written is not None:
                    y = y + _context(written, layer["reach"], self.image_shape[0]) @ weight[0, 0]
            else:
                raise ValueError(f"a layer of the type {kind!r} is not known; update the package")
        return _activate(layer.get("activation", "none"), y)


def _items(values, shape, name):
    values = np.asarray(values, dtype=np.float32)
    if values.shape == shape:
        values = values[np.newaxis]
    if values.shape[1:] != shape or values.ndim != len(shape) + 1:
        raise ValueError(f"{name} has the shape {values.shape}; expected (N, {', '.join(map(str, shape))})")
    return values


def _reads_text(layers):
    return any(layer["type"] == "context" or _reads_text(layer.get("layers", [])) for layer in layers)


def _context(written, reach, symbols):
    """The one-hot symbols before each place, the nearest first: [N, 1, W, reach · V]."""
    one_hot = np.eye(symbols + 1, symbols, dtype=np.float32)[np.minimum(written, symbols)]
    width = written.shape[1]
    padded = np.pad(one_hot, ((0, 0), (reach, 0), (0, 0)))
    return np.concatenate([padded[:, reach - back : reach - back + width] for back in range(1, reach + 1)], axis=2)[:, np.newaxis]


def _conv2d(x, weight, stride, padding):
    kernel, _, _, outputs = weight.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    # [N, H', W', C, K, K] and [K, K, C, O]
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, weight.size // outputs)
    return (rows @ weight.reshape(-1, outputs)).reshape(*windows.shape[:3], outputs)


def _conv_transpose2d(x, weight, stride, padding):
    count, height, width, _ = x.shape
    kernel, _, _, outputs = weight.shape
    whole = np.zeros((count, (height - 1) * stride + kernel, (width - 1) * stride + kernel, outputs), np.float32)
    for i in range(kernel):
        for j in range(kernel):
            rows = slice(i, i + (height - 1) * stride + 1, stride)
            columns = slice(j, j + (width - 1) * stride + 1, stride)
            whole[:, rows, columns] += x @ weight[i, j]
    return whole[:, padding : whole.shape[1] - padding, padding : whole.shape[2] - padding]


_erf = np.vectorize(math.erf, otypes=[np.float32])


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


def _activate(name, x):
    if name == "none":
        return x
    if name == "relu":
        return np.maximum(x, 0)
    if name == "silu":
        return x * _sigmoid(x)
    if name == "sigmoid":
        return _sigmoid(x)
    if name == "gelu":
        return x * (1 + _erf(x / math.sqrt(2))) / 2
    if name == "gelu_tanh":
        return x * _sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))
    if name == "elu":
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    if name == "softplus":
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    if name == "log_square":
        return 2 * np.log(np.maximum(np.abs(x), 1e-15))
    raise ValueError(f"the activation {name!r} is not known; update the package")


def _read_tensors(file):
    """The tensors of a safetensors file in f32; bytes times the f16 of their column, rounded to f16."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    stored = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _TYPES:
            raise ValueError(f"{file}: {name} has the type {entry['dtype']}, which is not known")
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        stored[name] = np.frombuffer(data[start:end], _TYPES[entry["dtype"]]).reshape(entry["shape"])
    tensors = {}
    for name, values in stored.items():
        if values.dtype == np.int8:
            scale = stored[f"{name}.scale"].astype(np.float32)
            values = (values.astype(np.float32) * scale).astype(np.float16)
        tensors[name] = values.astype(np.float32)
    return tensors
