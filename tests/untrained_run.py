"""Write an untrained network as a run: `python tests/untrained_run.py drcnn RUN --points 1024 --classes 1322`.

The size and the speed of a network do not depend on its weights, only its answers do: `raman-train export --onnx RUN
--table` measures the former of untrained systems. The run has no test spectra, so that the table
shows no accuracy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import torch
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_train import checkpoint, config, runs
from raman_train.data import synthetic
from raman_train.models import build

FAR = 1700.0
"""End of the axis, cm⁻¹, as the paper has it."""


def write(system: str, out: Path, points: int, classes: int) -> Path:
    """Write ``system`` as it is before its first step, with one spectrum of our own making a class, and return the run."""
    out.mkdir(parents=True, exist_ok=True)
    synthetic.make(classes, 1, 1).save(out / "spectra.npz")
    recipe = Recipe((Resample(start=0.0, stop=FAR, step=FAR / (points - 1), outside="zero"), MinMax()))
    shipped = config.read(config.of_model(system))
    data = config.DataConfig(path=str(out / "spectra.npz"), protocol="none")
    chosen = msgspec.structs.replace(shipped, recipe=recipe, data=data)
    torch.manual_seed(0)
    network = build(chosen.model, len(recipe.axis), classes)
    network.prepare(*_examples(chosen))
    about = checkpoint.About(
        config=chosen, length=len(recipe.axis), labels=runs.prepare(chosen).labels, spectra=0, specimens=0, epochs=0, seconds=0.0,
        device="none: untrained", revision=runs.revision(),
    )  # fmt: skip
    checkpoint.save(out / checkpoint.CHECKPOINT, network, about)
    return out


def _examples(chosen: config.Config) -> tuple[torch.Tensor, torch.Tensor]:
    material = runs.prepare(chosen)
    return torch.from_numpy(material.features), torch.from_numpy(material.classes)


def main() -> None:
    """Write what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("system")
    parser.add_argument("out", type=Path, metavar="RUN")
    parser.add_argument("--points", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=1322)
    given = parser.parse_args()
    write(given.system, given.out, given.points, given.classes)


if __name__ == "__main__":
    main()
