"""Where images come from: scikit-learn's digits, TFDS, `.npz` files, folders of pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import checks

SPLITS = ("train", "validation", "test")
# Names of splits as files have them.
_ALIASES = {"valid": "validation", "val": "validation"}


@dataclasses.dataclass
class Source:
    """All splits of a data set, in memory.

    Args:
        images: by split, uint8 `[n, height, width, channels]`.
        labels: by split, int32 `[n]`; `None` where there are none.
        levels: how many values a channel takes.
        num_classes: how many labels there are; `None` where there are none.
    """

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray | None]
    levels: int = 256
    num_classes: int | None = None


def read(
    name: str,
    data_dir: str | Path | None = None,
    resize: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Source:
    """Reads a data set by its name; see `keras_gen.data.load`."""
    kind, _, rest = name.partition(":")
    if name == "digits":
        source = _digits()
    elif kind == "tfds" and rest:
        source = _tfds(rest, data_dir, resize)
    elif kind == "npz" and rest:
        source = _npz(Path(rest), image_shape)
    elif kind == "folder" and rest:
        source = _folder(Path(rest), resize)
    else:
        raise ValueError(
            f"data must be digits, tfds:NAME, npz:FILE or folder:PATH, received {name!r}."
        )
    return source


def _digits() -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int32)
    return Source({"train": images}, {"train": labels}, levels=17, num_classes=10)


def _tfds(name: str, data_dir: str | Path | None, resize: Sequence[int] | None) -> Source:
    import tensorflow_datasets as tfds

    # Prepared data is read from where it lies; without a place, TFDS may download it.
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        if data_dir is None:
            builder.download_and_prepare()
        elif not builder.data_path.exists():
            raise ValueError(f"data_dir must hold the prepared data set, received {data_dir}.")
    except tfds.core.DatasetNotFoundError:
        raise ValueError(f"data must be a data set of TFDS, received {name!r}.") from None
    if "image" not in builder.info.features:
        raise ValueError(f"data must have the feature 'image', which {name!r} has not.")

    has_labels = "label" in builder.info.features
    images, labels = {}, {}
    for split in builder.info.splits:
        if split not in SPLITS and split not in _ALIASES:
            continue
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        pictures = [example["image"] for example in examples]
        key = _ALIASES.get(split, split)
        images[key] = _stack(pictures, resize)
        labels[key] = (
            np.array([example["label"] for example in examples], np.int32) if has_labels else None
        )
    if "train" not in images:
        raise ValueError(f"data must have a split named train, which {name!r} has not.")
    num_classes = builder.info.features["label"].num_classes if has_labels else None
    return Source(images, labels, num_classes=num_classes)


def _stack(pictures: Sequence[np.ndarray], resize: Sequence[int] | None) -> np.ndarray:
    shapes = {picture.shape[:2] for picture in pictures}
    if len(shapes) > 1:
        if resize is None:
            raise ValueError(
                "resize must be given as (height, width): the pictures have "
                f"{len(shapes)} different sizes."
            )
        pictures = [resized(picture[None], resize)[0] for picture in pictures]
    return np.stack(pictures)


def _npz(path: Path, image_shape: Sequence[int] | None) -> Source:
    if not path.is_file():
        raise ValueError(f"data must name an .npz file that exists, received {path}.")
    images: dict[str, np.ndarray] = {}
    labels: dict[str, np.ndarray | None] = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            part, _, split = key.rpartition("_")
            split = _ALIASES.get(split, split)
            if split in SPLITS and part in ("", "x"):
                images[split] = _restored(arrays[key], image_shape, path)
            elif split in SPLITS and part == "y":
                labels[split] = arrays[key]
        if "train" not in images:
            raise ValueError(
                f"{path} must hold arrays named train or x_train (and likewise for validation, "
                f"valid or test; labels y_train), it holds {', '.join(arrays.files)}."
            )
    labels = {split: labels.get(split) for split in images}
    has_labels = labels["train"] is not None
    for split, y in labels.items():
        if (y is not None) != has_labels:
            raise ValueError(f"{path} must hold labels for all splits or for none, see {split}.")
        if has_labels:
            checks.shaped(f"y_{split}", y, (len(images[split]),))
            checks.integers(f"y_{split}", y, 0, 2**31 - 1)
            labels[split] = y.astype(np.int32)
    levels = 2 if max(int(x.max()) for x in images.values()) < 2 else 256
    num_classes = int(max(y.max() for y in labels.values())) + 1 if has_labels else None
    return Source(images, labels, levels=levels, num_classes=num_classes)


def _restored(x: np.ndarray, image_shape: Sequence[int] | None, path: Path) -> np.ndarray:
    """Gives flat or bit-packed rows their image shape back."""
    if x.dtype != np.uint8:
        raise ValueError(f"{path} must hold uint8 images, received dtype {x.dtype}.")
    if image_shape is not None and x.ndim == 2:
        size = int(np.prod(image_shape))
        if x.shape[1] == -(-size // 8) != size:
            x = np.unpackbits(x, axis=1, count=size)
        if x.shape[1] != size:
            raise ValueError(
                f"image_shape must fit rows of {x.shape[1]} bytes, received {tuple(image_shape)}."
            )
        return x.reshape(-1, *image_shape)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4:
        raise ValueError(
            f"{path} must hold images [n, height, width(, channels)], or rows with image_shape "
            f"given, received shape {list(x.shape)}."
        )
    return x


def _folder(path: Path, resize: Sequence[int] | None) -> Source:
    import keras

    if not path.is_dir():
        raise ValueError(f"data must name a folder that exists, received {path}.")
    if resize is None:
        raise ValueError("resize must be given as (height, width) for a folder of pictures.")
    classes = sorted(p.name for p in path.iterdir() if p.is_dir())
    dataset = keras.utils.image_dataset_from_directory(
        str(path),
        labels="inferred" if classes else None,
        image_size=tuple(resize),
        shuffle=False,
        batch_size=None,
        verbose=False,
    )
    examples: list[Any] = list(dataset.as_numpy_iterator())
    pictures = [example[0] if classes else example for example in examples]
    images = np.clip(np.rint(np.stack(pictures)), 0, 255).astype(np.uint8)
    labels = np.array([example[1] for example in examples], np.int32) if classes else None
    return Source({"train": images}, {"train": labels}, num_classes=len(classes) or None)


def resized(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resizes uint8 images `[n, height, width, channels]` to (height, width), antialiased."""
    import tensorflow as tf

    floats = tf.image.resize(images, tuple(size), antialias=True)
    return np.clip(np.rint(floats.numpy()), 0, 255).astype(np.uint8)
