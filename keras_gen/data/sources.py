"""Where data comes from: scikit-learn's digits, TFDS, `.npz` files, folders, texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import checks
from keras_gen.data.audio import cut_alike, read_folder
from keras_gen.data.text import read_text, windows

# Characters of a text's windows, where nothing else is asked for.
_TEXT_LENGTH = 500

SPLITS = ("train", "validation", "test")
# Names of splits as files have them.
_ALIASES = {"valid": "validation", "val": "validation"}


@dataclasses.dataclass
class Source:
    """All splits of a data set, in memory.

    Args:
        examples: by split: images uint8 `[n, height, width, channels]`, texts int32 `[n, time]`,
            sounds float32 `[n, time]`.
        labels: by split, int32 `[n]`; `None` where there are none.
        kind: "images", "text" or "audio".
        levels: how many values an image's channel takes.
        num_classes: how many labels there are; `None` where there are none.
        vocabulary: the characters of a text.
        sample_rate: of sounds, in Hz.
    """

    examples: dict[str, np.ndarray]
    labels: dict[str, np.ndarray | None]
    kind: str = "images"
    levels: int = 256
    num_classes: int | None = None
    vocabulary: str | None = None
    sample_rate: int | None = None


def read(
    name: str,
    data_dir: str | Path | None = None,
    resize: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
    length: int | None = None,
    sample_rate: int | None = None,
) -> Source:
    """Reads a data set by its name; see `keras_gen.data.load`."""
    kind, _, rest = name.partition(":")
    if name == "digits":
        source = _digits()
    elif kind == "tfds" and rest:
        source = _tfds(rest, data_dir, resize, length, sample_rate)
    elif kind == "npz" and rest:
        source = _npz(Path(rest), image_shape)
    elif kind == "folder" and rest:
        source = _folder(Path(rest), resize)
    elif kind == "text":
        source = _text(Path(rest) if rest else None, length)
    elif kind == "audio" and rest:
        source = _audio(*read_folder(Path(rest)), length, sample_rate)
    else:
        raise ValueError(
            "data must be digits, tfds:NAME, npz:FILE, folder:PATH, text, text:FILE or audio:PATH, "
            f"received {name!r}."
        )
    return source


def _digits() -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int32)
    return Source({"train": images}, {"train": labels}, levels=17, num_classes=10)


def _text(path: Path | None, length: int | None) -> Source:
    text = read_text(path)
    splits = windows(text, _TEXT_LENGTH if length is None else length)
    vocabulary = "".join(sorted(set(text)))
    labels: dict[str, np.ndarray | None] = dict.fromkeys(splits)
    return Source(splits, labels, kind="text", vocabulary=vocabulary)


def _audio(sounds, rates, classes, length: int | None, sample_rate: int | None) -> Source:
    alike, rate = cut_alike(sounds, rates, sample_rate, length)
    labels, names = None, []
    if classes is not None:
        names, labels = np.unique(classes, return_inverse=True)
        labels = labels.astype(np.int32)
    return Source(
        {"train": alike},
        {"train": labels},
        kind="audio",
        num_classes=len(names) or None,
        sample_rate=rate,
    )


def _tfds(
    name: str,
    data_dir: str | Path | None,
    resize: Sequence[int] | None,
    length: int | None,
    sample_rate: int | None,
) -> Source:
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
    if "audio" in builder.info.features:
        # TFDS gives 16-bit sound as integers; all of it is in its split "train".
        examples = list(tfds.as_numpy(builder.as_dataset(split="train")))
        sounds = [(example["audio"] / 32768.0).astype(np.float32) for example in examples]
        rates = [builder.info.features["audio"].sample_rate or sample_rate] * len(sounds)
        classes = [int(x["label"]) for x in examples] if "label" in examples[0] else None
        return _audio(sounds, rates, classes, length, sample_rate)
    if "image" not in builder.info.features:
        raise ValueError(f"data must have the feature 'image' or 'audio', which {name!r} has not.")

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
