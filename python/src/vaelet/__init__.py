"""vaelet in a notebook: the element `<vae-let>` as a widget, and models as numpy functions.

    import vaelet
    vaelet.show("models/portraits", view="morph")     # what the page shows
    w = vaelet.widget("models/digits", view="edit")   # the same, with the traits z and image
    vaelet.load("models/digits").decode(z)            # [N, L] to [N, C, H, W], with numpy
"""

from ._model import Model, load
from ._widget import Widget, show, widget

__all__ = ["Model", "Widget", "load", "show", "widget"]
__version__ = "0.1.0"
