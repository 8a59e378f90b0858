"""The element `<vae-let>` as a widget of Jupyter."""

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from ._model import load
from ._server import SITE, server


class Array(traitlets.TraitType):
    """An array of float32, or None. Between kernel and page it is its bytes and its shape."""

    info_text = "an array of numbers"

    def validate(self, obj, value):
        if value is None:
            return None
        try:
            return np.ascontiguousarray(value, dtype=np.float32)
        except (TypeError, ValueError):
            self.error(obj, value)


def _pack(array, _):
    return None if array is None else {"data": array.tobytes(), "shape": list(array.shape)}


def _unpack(packed, _):
    return None if packed is None else np.frombuffer(packed["data"], np.float32).reshape(packed["shape"]).copy()


class Widget(anywidget.AnyWidget):
    """A view of a model.

    `z` is the latent [L] of the picture that `edit`, `morph` and `map` show, `image` what the decoder makes of it,
    [C, H, W] in [0, 1]. Both follow the reader. Setting `z` shows it in `edit`, and as the first end in `morph`;
    setting `image` encodes it and does the same with the mean. `state` is what the page's address has after its
    question mark, and follows the reader too. `error` says what failed in the page.
    """

    _esm = Path(__file__).parent / "_widget.js"

    _site = traitlets.Unicode().tag(sync=True)
    _src = traitlets.Unicode().tag(sync=True)
    _model = traitlets.Unicode().tag(sync=True)
    view = traitlets.Enum(["sample", "draw", "morph", "map", "edit", "inside", "use"], "sample").tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    seed = traitlets.Int(None, allow_none=True).tag(sync=True)
    controls = traitlets.Enum(["full", "slider", "none"], "full").tag(sync=True)
    explain = traitlets.Bool(False).tag(sync=True)
    backend = traitlets.Enum(["auto", "webgpu", "cpu"], "auto").tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    z = Array(None, allow_none=True).tag(sync=True, to_json=_pack, from_json=_unpack)
    image = Array(None, allow_none=True).tag(sync=True, to_json=_pack, from_json=_unpack)

    def __init__(self, model, site=None, **traits):
        names = {"z": "latent_size", "image": "image_shape"}
        self._shapes = {}
        if str(model).startswith(("http://", "https://")):
            traits["_src"] = str(model)
        elif site is not None and not Path(model).exists():
            traits["_model"] = str(model)
        else:
            known = load(model)  # fails here rather than in the page
            self._shapes = {name: np.atleast_1d(getattr(known, attribute)) for name, attribute in names.items()}
            traits["_src"] = server().add(known.folder)
        if site is None and not SITE.is_dir():
            raise FileNotFoundError("this installation has no built page; install the wheel, or give site=, the address of a published page")
        traits["_site"] = server().add(SITE) if site is None else site.rstrip("/") + "/"
        super().__init__(**traits)

    @traitlets.validate("z", "image")
    def _check(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        expected = self._shapes.get(name)
        if value is not None and expected is not None and value.shape != tuple(expected):
            raise traitlets.TraitError(f"{name} has the shape {value.shape}; expected {tuple(map(int, expected))}")
        return value


def widget(model, view="edit", **options):
    """A view of a model as a widget with the traits `z` and `image`; see `Widget`.

    `model` is a folder on the machine of the kernel, or the address of one. `site` is the address of a published page
    to take the element from, which is needed where the kernel runs on another machine than the browser; then `model`
    may also be the name of one of its models.
    """
    return Widget(model, view=view, **options)


def show(model, view="sample", **options):
    """Shows a view of a model: `widget` for those who want only to see it."""
    from IPython.display import display

    display(widget(model, view, **options))
