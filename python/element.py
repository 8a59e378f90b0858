"""Puts the built element into the wheel: the same files as in the npm package, which `npm/prepack.mjs` chooses."""

import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NPM = Path(__file__).resolve().parent.parent / "npm"


class Element(BuildHookInterface):
    def initialize(self, version, build_data):
        if self.target_name != "wheel" or version == "editable":
            return
        # It says what to do where the page has not been built.
        subprocess.run(["node", "prepack.mjs"], cwd=NPM, check=True)
        for source in [NPM / "web", *sorted(NPM.glob("vaelet-*"))]:
            build_data["force_include"][str(source)] = f"vaelet/site/{source.name}"
