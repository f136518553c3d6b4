"""A small classifier of pictures, whose classes and features tell what samples are like.

Two are kept in the package, each beside its SHA-256: of MNIST and of Fashion-MNIST. The command
`python -m keras_gen.metrics.train_classifier` made them, and makes others.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_gen import checks
from keras_gen.files import reason, write_beside

_FOLDER = Path(__file__).parent / "classifiers"
_NUM_FEATURES = 64
_LEAST_SIDE = 8  # what can be halved three times
# What comes before the weights in a file.
_IMAGE_SHAPE, _NUM_CLASSES = "image_shape", "num_classes"


@keras.saving.register_keras_serializable("keras_gen")
class PictureClassifier(keras.Model):
    """Pictures as they are stored, to logits of their classes.

    Args:
        image_shape: (height, width, channels), sides of 8 or more.
        num_classes: how many classes there are.
        name: what figures call it.

    Attributes:
        features: the network up to the layer before the last, a `keras.Model` from the same
            pictures to float32 `[n, 64]`.

    Raises:
        ValueError: an argument is out of range; in a call, pictures that are not uint8.

    Example:
        >>> classifier("mnist").predict(images).argmax(axis=1)
    """

    def __init__(
        self, image_shape: Sequence[int], num_classes: int, name: str = "picture_classifier"
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self.image_shape = checks.image_shape(image_shape)
        if min(self.image_shape[:2]) < _LEAST_SIDE:
            raise ValueError(
                f"image_shape must have sides of {_LEAST_SIDE} or more, received "
                f"{self.image_shape}."
            )
        self.num_classes = checks.positive("num_classes", num_classes)
        self.features = _features(self.image_shape, name)
        self.head = keras.layers.Dense(num_classes, dtype="float32")
        self(keras.Input(self.image_shape, dtype="uint8"))

    def call(self, x: Any, training: bool = False) -> Any:
        # Keras would cast floats, and cut pictures in [-1, 1] down to 0.
        if keras.backend.standardize_dtype(x.dtype) != "uint8":
            raise ValueError(f"pictures must be uint8 in [0, 255], received {x.dtype}.")
        return self.head(self.features(x, training=training))

    def prepare(self, pictures: np.ndarray, levels: int = 256) -> np.ndarray:
        """Pictures of other levels, or with a frame around them, as the classifier takes them.

        Args:
            pictures: ints `[n, height, width, channels]` in `[0, levels)`, sides no less than the
                classifier's.
            levels: how many values a channel takes.

        Returns:
            uint8 `[n, height, width, channels]` in [0, 255], the middle of each picture.

        Raises:
            ValueError: pictures that are smaller, or of other channels.

        Example:
            >>> classifier("mnist").prepare(pictures_of_32x32_and_2_levels, levels=2).shape
            (1000, 28, 28, 1)
        """
        height, width, channels = self.image_shape
        given = pictures.shape[1:]
        if len(given) != 3 or given[0] < height or given[1] < width or given[2] != channels:
            raise ValueError(
                f"pictures must have shape [n, {height} or more, {width} or more, {channels}], "
                f"which {self.name} takes, received {[*pictures.shape]}."
            )
        top, left = (given[0] - height) // 2, (given[1] - width) // 2
        middle = pictures[:, top : top + height, left : left + width]
        if levels == 256:
            return middle
        return np.rint(middle * np.float32(255.0 / (levels - 1))).astype(np.uint8)

    def get_config(self) -> dict[str, Any]:
        return {
            "image_shape": self.image_shape,
            "num_classes": self.num_classes,
            "name": self.name,
        }


def _features(image_shape: tuple[int, int, int], name: str) -> keras.Model:
    """Three convolutions, a picture halved after each, and a dense layer."""
    layers: list[keras.layers.Layer] = [keras.layers.Rescaling(1 / 255, dtype="float32")]
    for filters, size, strides in ((16, 5, 2), (32, 3, 1), (64, 3, 1)):
        layers += [
            keras.layers.Conv2D(
                filters, size, strides, padding="same", use_bias=False, dtype="float32"
            ),
            keras.layers.BatchNormalization(momentum=0.9, dtype="float32"),
            keras.layers.ReLU(dtype="float32"),
        ]
        if strides == 1:
            layers.append(keras.layers.MaxPooling2D(dtype="float32"))
    layers += [
        keras.layers.Flatten(dtype="float32"),
        keras.layers.Dense(_NUM_FEATURES, use_bias=False, dtype="float32"),
        # It keeps every feature alive, and all of them of about one scale.
        keras.layers.BatchNormalization(momentum=0.9, dtype="float32"),
        keras.layers.ReLU(dtype="float32"),
    ]
    return keras.Sequential([keras.Input(image_shape, dtype="uint8"), *layers], name=name)


def classifier(name: str | Path) -> PictureClassifier:
    """Loads a classifier that is kept in a file.

    Args:
        name: "mnist" or "fashion_mnist", of 28x28 grey pictures, or the path of an `.npz` file that
            `python -m keras_gen.metrics.train_classifier` wrote.

    Returns:
        A `PictureClassifier` from uint8 `[n, height, width, channels]` in [0, 255] to logits
        `[n, num_classes]`, called as its file; its `features` gives the layer before them.

    Raises:
        ValueError: there is no such file, or it differs from its SHA-256.

    Example:
        >>> extractor = classifier("mnist").features
        >>> extractor.predict(images).shape
        (1000, 64)
    """
    kept = sorted(path.stem for path in _FOLDER.glob("*.npz"))
    path = _FOLDER / f"{name}.npz" if name in kept else Path(name)
    if path.suffix != ".npz" or not path.is_file():
        raise ValueError(
            f"classifier must be {', '.join(kept)}, or the path of an .npz file, received {name}."
        )
    try:
        stated = _checksum_path(path).read_text("ascii").split(maxsplit=1)[:1]
        computed = hashlib.sha256(path.read_bytes()).hexdigest()
        if stated != [computed]:
            raise ValueError(f"it differs from its SHA-256 in {_checksum_path(path).name}")
        with np.load(path) as file:
            arrays = [file[key] for key in file.files]
        shape, num_classes, *weights = arrays
        model = PictureClassifier(shape.tolist(), int(num_classes), name=path.stem)
        model.set_weights([weight.astype(np.float32) for weight in weights])
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} must be a whole file of train_classifier: {reason(error)}."
        ) from error
    model.trainable = False
    return model


def save_classifier(model: PictureClassifier, path: Any) -> Path:
    """Writes a classifier with weights of half precision, and its SHA-256 beside it.

    Args:
        model: to write.
        path: of the file, `.npz`; `sha256sum -c` reads the one beside it, `.npz.sha256`.

    Returns:
        The path.

    Raises:
        ValueError: another suffix, or a place that cannot be written.

    Example:
        >>> save_classifier(model, "mine.npz")
    """
    path = check_output(path)
    arrays: dict[str, Any] = {
        _IMAGE_SHAPE: np.array(model.image_shape),
        _NUM_CLASSES: np.array(model.num_classes),
    }
    arrays |= {f"weight_{i}": w.astype(np.float16) for i, w in enumerate(model.get_weights())}
    write_beside(path, lambda beside: np.savez(beside, **arrays))
    line = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
    write_beside(_checksum_path(path), lambda beside: beside.write_text(line, "ascii"))
    return path


def check_output(path: Any) -> Path:
    """The path of a file that a classifier can be written to, by its suffix.

    Raises:
        ValueError: it is another than `.npz`.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"output must end in .npz, received {path}.")
    return path


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
