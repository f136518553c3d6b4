"""An artefact as an object: its signatures, and the verbs of the model that it was made of.

What runs the signatures, ONNX Runtime or a TensorFlow session, hands its functions over; all else
is NumPy, and the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_gen_export import checks, texts, walks
from keras_gen_export import inputs as checking
from keras_gen_export.batches import run_in_batches
from keras_gen_export.seeds import spread

Arrays = dict[str, np.ndarray]
# A signature as a runtime gives it: all inputs, checked, to all outputs.
Function = Callable[[Arrays], Arrays]


class Artefact:
    """An artefact's signatures, as functions on NumPy arrays, and a model's verbs.

    A verb takes and gives what the model's method of that name does; those whose signature it lacks
    raise a ValueError.

    Attributes:
        manifest: what the folder says of itself.
        signatures: functions by name. Each takes its inputs by name and gives a dict of arrays; one
            value for an input that has one an example serves the whole batch, and inputs with
            defaults may be left out.
    """

    def __init__(self, manifest: Mapping[str, Any], functions: Mapping[str, Function]) -> None:
        self.manifest = manifest
        self.signatures: dict[str, Callable[..., Arrays]] = {
            name: self._checked(name, functions[name]) for name in manifest["signatures"]
        }

    def run(self, name: str, **inputs: Any) -> Arrays:
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
        self._described(name)
        return self.signatures[name](**inputs)

    # ---- what models that draw have --------------------------------------------------------------

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
        seeds = _seeds(seed, checks.positive("num_samples", num_samples))
        return self.run("sample", seeds=seeds, labels=labels, **conditions_and_settings)["samples"]

    def complete(
        self,
        x: Any,
        mask: Any,
        labels: Any = None,
        seed: int | None = None,
        **conditions_and_settings: Any,
    ) -> np.ndarray:
        """Draws the missing values of examples, as `model.complete` does.

        Args:
            x: stored data `[n, ...]`; ignored where `mask` is false, but of the allowed values.
            mask: bool, of the shape of `x`, true where a value is known; or one example's mask,
                for all.
            labels: ints in `[0, num_classes)`, one or `[n]`, of a conditional model.
            seed: the same seed gives the same completions; a new one is drawn where `None`.
            **conditions_and_settings: as the signature "complete" describes them.

        Returns:
            Stored data of the shape of `x`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> artefact.complete(images, mask, seed=0)
        """
        data = self._data("complete", x)
        (x,) = data.values()
        mask = checks.mask("mask", mask, x.shape)
        drawn = {"mask": mask, "seeds": _seeds(seed, len(x)), "labels": labels}
        return self.run("complete", **data, **drawn, **conditions_and_settings)["samples"]

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        length: int | None = None,
        seed: int | None = None,
        labels: Any = None,
        **settings: Any,
    ) -> str | list[str]:
        """Goes on writing texts, as `model.generate` does.

        Args:
            prompt: a text, or several, of characters in the vocabulary; they may be empty.
            length: characters to add; `None` is the model's `length`.
            seed: the same seed gives the same texts; a new one is drawn where `None`.
            labels: ints in `[0, num_classes)`, one or one a prompt, of a conditional model.
            **settings: `temperature` and `top_k`, one or one a prompt.

        Returns:
            The prompt and what follows; a list where several were given.

        Raises:
            ValueError: the model is not one of text, or an argument is out of range.

        Example:
            >>> artefact.generate("ROMEO:", length=200, temperature=0.8, seed=0)
        """
        name, data = self._data_input("complete")
        if name != "text":
            raise ValueError(f"generate needs a model of text, this one is of {name}.")

        def complete(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
            return self.complete(x, mask, labels, seed, **settings)

        vocabulary = "".join(map(chr, data["values"]))
        usual = self.manifest["model"]["config"]["length"]
        return texts.generate(complete, vocabulary, prompt, length, usual, data.get("longest"))

    # ---- what models of a likelihood have --------------------------------------------------------

    def log_prob(
        self, x: Any, labels: Any = None, per_dimension: bool = False, **conditions: Any
    ) -> np.ndarray:
        """The exact log-probability of each example, or of each of its values.

        Args:
            x: stored data `[n, ...]`.
            labels: ints in `[0, num_classes)`, one or `[n]`, of a conditional model.
            per_dimension: whether to give each value's own log-probability, given those before it,
                where the model has them.
            **conditions: what an example comes with beside labels.

        Returns:
            float32 `[n]`, or of the shape of `x`, in nats.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> artefact.log_prob(images).mean()
        """
        if per_dimension and "log_conditionals" not in self._described("log_prob")["outputs"]:
            raise ValueError("per_dimension must be False: each value has no one log-probability.")
        outputs = self._run_on("log_prob", x, labels=labels, **conditions)
        return outputs["log_conditionals" if per_dimension else "log_prob"]

    def log_prob_bound(
        self,
        x: Any,
        labels: Any = None,
        num_samples: int | None = None,
        seed: int | None = 0,
        batch_size: int = 256,
    ) -> np.ndarray:
        """A lower bound of each image's log-probability, as `model.log_prob_bound` gives it.

        Args:
            x: stored data `[n, ...]`.
            labels: ints in `[0, num_classes)`, one or `[n]`, of a conditional model.
            num_samples: of the posterior, for each image: what was chosen at export, or `None`,
                which is the same.
            seed: of the samples; `None` draws one.
            batch_size: images at a time; the result does not depend on it.

        Returns:
            float32 `[n]`, in nats.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> artefact.log_prob_bound(images).mean()
        """
        chosen = self._described("log_prob_bound")["choices"]["num_samples"]
        if num_samples not in (None, chosen):
            raise ValueError(
                f"num_samples must be {chosen}, as it was chosen at export, received "
                f"{num_samples!r}."
            )
        ((name, x),) = self._data("log_prob_bound", x).items()
        given = {name: x, "seeds": _seeds(seed, len(x)), "labels": labels}
        described = self._described("log_prob_bound")["inputs"]
        # Checked as one: a part of the examples would not show that there are too few labels.
        checked = checking.check_inputs(described, given, len(x))

        def run(**inputs: Any) -> np.ndarray:
            return self.run("log_prob_bound", **inputs)["log_prob_bound"]

        return run_in_batches(run, checked, batch_size)

    # ---- what models with latents, or of translations, have --------------------------------------

    def encode(self, x: Any, labels: Any = None, **conditions: Any) -> Any:
        """The latents of each example; of a model with a posterior, its mean.

        Args:
            x: stored data `[n, ...]`.
            labels: ints in `[0, num_classes)`, one or `[n]`, of a conditional model.
            **conditions: what an example comes with beside labels.

        Returns:
            float32 `[n, latent_dim]`, or a dict of arrays where latents have names.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> latents = artefact.encode(images)
        """
        outputs = self._run_on("encode", x, labels=labels, **conditions)
        return outputs.get("latents", outputs)

    def decode(self, latents: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """Decodes latents, as `model.decode` does.

        Args:
            latents: float `[n, latent_dim]`, or a dict of arrays where latents have names.
            labels: ints in `[0, num_classes)`, one or `[n]`, of a conditional model.
            **conditions: what an example comes with beside labels.

        Returns:
            Stored data `[n, ...]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> images = artefact.decode(latents)
        """
        latents = self._latents("latents", latents)
        (decoded,) = self.run("decode", **latents, labels=labels, **conditions).values()
        return decoded

    def reconstruct(self, x: Any, labels: Any = None, **conditions: Any) -> np.ndarray:
        """Decodes the latents of each example; arguments and errors are those of `encode`.

        Returns:
            Stored data, of the shape of `x`.
        """
        return self._run_on("reconstruct", x, labels=labels, **conditions)["reconstructions"]

    def interpolate(
        self,
        start: Any,
        end: Any,
        num_steps: int = 8,
        labels: Any = None,
        **conditions: Any,
    ) -> np.ndarray:
        """Decodes a walk between latents, along the great circle, as `model.interpolate` does.

        Args:
            start: float `[n, latent_dim]`, or a dict of arrays where latents have names.
            end: likewise.
            num_steps: examples of each walk, both ends included; 2 to 10 000.
            labels: ints in `[0, num_classes)`, one or `[n]`, of a conditional model.
            **conditions: what an example comes with beside labels.

        Returns:
            Stored data `[n, num_steps, ...]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> artefact.interpolate(latents[:1], latents[1:2]).shape
            (1, 8, 28, 28, 1)
        """
        start, end = self._latents("start", start), self._latents("end", end)

        def decode(**inputs: Any) -> np.ndarray:
            (decoded,) = self.run("decode", **inputs).values()
            return decoded

        inputs = self._described("decode")["inputs"]
        given = {"labels": labels, **conditions}
        return walks.interpolate(decode, inputs, start, end, num_steps, given)

    def translate(
        self, x: Any, labels: Any = None, *, direction: str | None = None, **conditions: Any
    ) -> np.ndarray:
        """Translates data, as `model.translate` does.

        Args:
            x: stored data `[n, ...]`.
            labels: ints in `[0, num_classes)`, one or `[n]`, of a conditional model.
            direction: "a_to_b", which `None` is too, or "b_to_a", of a model that translates both
                ways.
            **conditions: what an example comes with beside labels, such as `source`.

        Returns:
            Stored data `[n, ...]`.

        Raises:
            ValueError: an argument is of another shape or kind, or out of range.

        Example:
            >>> photos = artefact.translate(drawings)
        """
        directions = [name for name in ("a_to_b", "b_to_a") if name in self.signatures]
        if direction is not None and direction not in directions:
            raise ValueError(
                f"direction must be {' or '.join(directions) or 'None'}, received {direction!r}."
            )
        name = direction or [*directions, "translate"][0]
        return self._run_on(name, x, labels=labels, **conditions)["translations"]

    # ---- within ----------------------------------------------------------------------------------

    def _checked(self, name: str, function: Function) -> Callable[..., Arrays]:
        described = self.manifest["signatures"][name]["inputs"]

        def checked(**inputs: Any) -> Arrays:
            return function(checking.check_inputs(described, inputs))

        checked.__name__ = name
        return checked

    def _described(self, name: str) -> dict[str, Any]:
        """What the manifest says of a signature."""
        if name not in self.signatures:
            raise ValueError(
                f"this artefact has no signature {name!r}; it has {', '.join(self.signatures)}."
            )
        return self.manifest["signatures"][name]

    def _run_on(self, name: str, x: Any, **inputs: Any) -> Arrays:
        """Runs a signature that takes data, and what that comes with."""
        return self.run(name, **self._data(name, x), **inputs)

    def _data_input(self, name: str) -> tuple[str, dict[str, Any]]:
        """The data that a signature takes: the first of its inputs."""
        return next(iter(self._described(name)["inputs"].items()))

    def _data(self, name: str, x: Any) -> Arrays:
        """Checked data of a signature, under the name of its input."""
        key, description = self._data_input(name)
        return {key: checking.check_batch("x", x, description)}

    def _latents(self, name: str, latents: Any) -> Arrays:
        """Checked latents by name; one vector's name is "latents"."""
        described = self._latent_inputs()
        named = latents if isinstance(latents, dict) else {"latents": latents}
        if named.keys() != described.keys():
            raise ValueError(
                f"{name} must be {' and '.join(described)}, received {' and '.join(named)}."
            )
        return {
            key: checking.check_batch(name, value, described[key]) for key, value in named.items()
        }

    def _latent_inputs(self) -> dict[str, dict[str, Any]]:
        """The latents that "decode" takes: those of its inputs that nothing else does."""
        inputs = self._described("decode")["inputs"]
        others = [each for name, each in self.manifest["signatures"].items() if name != "decode"]
        conditions = {name for each in others for name in each["inputs"]}
        return {name: each for name, each in inputs.items() if name not in conditions}


def _seeds(seed: int | None, num: int) -> np.ndarray:
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    return spread(checks.in_range("seed", seed, -(2**63), 2**63 - 1), num)
