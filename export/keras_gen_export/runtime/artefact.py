"""An ONNX artefact as functions on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from keras_gen_export import manifest as manifests
from keras_gen_export.inputs import check_inputs
from keras_gen_export.runtime.seeds import spread


def load(folder: Any, threads: int | None = None) -> Artefact:
    """Loads an ONNX artefact.

    Args:
        folder: what `model.export(folder, format="onnx")` wrote.
        threads: of each operation; `None` leaves the choice to ONNX Runtime. One is fastest for a
            sampler that draws one picture at a time.

    Returns:
        The artefact; `sample` draws as the model's does, and each other signature is a method.

    Raises:
        ValueError: the folder holds no ONNX artefact, or a file differs from its checksum.

    Example:
        >>> artefact = load("artefacts/gated_pixel_cnn")
        >>> artefact.sample(16, seed=0)
    """
    return Artefact(Path(folder), threads)


class Artefact:
    """An ONNX artefact's signatures, as functions on NumPy arrays.

    Attributes:
        manifest: what the folder says of itself.
        signatures: functions by name. Each takes its inputs by name and gives a dict of arrays; one
            value for an input that has one an example serves the whole batch, and inputs with
            defaults may be left out.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self.manifest = manifests.read(folder)
        if self.manifest["format"] != "onnx":
            raise ValueError(
                f"{folder} must hold an onnx artefact, received {self.manifest['format']}."
            )
        self._folder = folder
        self._options = onnxruntime.SessionOptions()
        if threads is not None:
            self._options.intra_op_num_threads = threads
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self.signatures: dict[str, Callable[..., dict[str, np.ndarray]]] = {
            name: self._function(name) for name in self.manifest["signatures"]
        }

    def run(self, name: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Runs one of the signatures, as `model.run` does.

        Args:
            name: of the signature.
            **inputs: arrays by name, or one value for all examples; what has a default may be left
                out.

        Returns:
            The outputs, by name.

        Raises:
            ValueError: there is no such signature, or an input is missing or unknown, of another
                kind or shape, or out of range.

        Example:
            >>> artefact.run("sample", seeds=spread(0, 16))["samples"]
        """
        if name not in self.signatures:
            raise ValueError(
                f"name must be one of {', '.join(self.signatures)}, received {name!r}."
            )
        return self.signatures[name](**inputs)

    def sample(
        self,
        num_samples: int,
        labels: Any = None,
        seed: int | None = None,
        **conditions_and_settings: Any,
    ) -> np.ndarray:
        """Draws samples: those that `model.sample` with the same arguments draws.

        Args:
            num_samples: how many, at least 1.
            labels: ints in `[0, num_classes)`, one or `[num_samples]`, of a conditional model.
            seed: the same seed gives the same samples; a new one is drawn where `None`.
            **conditions_and_settings: as the signature "sample" describes them.

        Returns:
            `[num_samples, ...]` stored data.

        Raises:
            ValueError: an argument is missing, unknown or out of range.

        Example:
            >>> artefact.sample(16, seed=0, temperature=0.8)
        """
        if not isinstance(num_samples, int | np.integer) or num_samples < 1:
            raise ValueError(f"num_samples must be at least 1, received {num_samples!r}.")
        seed = int(np.random.default_rng().integers(2**31)) if seed is None else seed
        seeds = spread(seed, int(num_samples))
        inputs = {"seeds": seeds, "labels": labels, **conditions_and_settings}
        return self.run("sample", **inputs)["samples"]

    def __getattr__(self, name: str) -> Callable[..., dict[str, np.ndarray]]:
        signatures = self.__dict__.get("signatures", {})
        if name not in signatures:
            raise AttributeError(
                f"this artefact has no signature {name!r}; it has {', '.join(signatures)}."
            )
        return signatures[name]

    def _function(self, name: str) -> Callable[..., dict[str, np.ndarray]]:
        description = self.manifest["signatures"][name]

        def function(**inputs: Any) -> dict[str, np.ndarray]:
            arrays = check_inputs(description["inputs"], inputs)
            session = self._session(name)
            outputs = [output.name for output in session.get_outputs()]
            return dict(zip(outputs, session.run(outputs, arrays), strict=True))

        function.__name__ = name
        return function

    def _session(self, name: str) -> onnxruntime.InferenceSession:
        if name not in self._sessions:
            self._sessions[name] = onnxruntime.InferenceSession(
                str(self._folder / f"{name}.onnx"),
                self._options,
                providers=["CPUExecutionProvider"],
            )
        return self._sessions[name]
