"""Where data comes from: scikit-learn's digits, TFDS, `.npz` files, folders, texts.

Here examples get their format; nobody after this asks what kind of data there is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen import checks
from keras_gen.data import audio, pictures
from keras_gen.data.arrays import read_npz
from keras_gen.data.mixtures import MIXTURES
from keras_gen.data.text import read_text, windows
from keras_gen.files import reason
from keras_gen.formats import Format, Images, Points, Sound, Text

# Characters of a text's windows, where nothing else is asked for.
_TEXT_LENGTH = 500
# Of each split of a mixture.
_NUM_POINTS = 20_000

# What each kind of data has a use for, of the options that `read` takes.
_OPTIONS = {
    "digits": ("resize",),
    "tfds": ("data_dir", "resize", "length", "sample_rate"),
    "npz": ("resize", "image_shape"),
    "folder": ("resize", "crop"),
    "text": ("length",),
    "audio": ("length", "sample_rate"),
    "points": (),
}

SPLITS = ("train", "validation", "test")
_SIDES = ("a", "b")  # of an .npz file whose pictures are to be translated
# Names of splits as files have them.
_ALIASES = {"valid": "validation", "val": "validation"}


@dataclasses.dataclass
class Source:
    """All splits of a data set, in memory.

    Args:
        examples: by split, stored data `[n, ...]` of the format.
        labels: by split, int32 `[n]`; `None` where there are none.
        format: what the examples are.
        num_classes: how many labels there are; `None` where there are none.
        groups: of the training examples, int `[n]`: those of one group are cut from one whole, and
            belong into one split; `None` where each stands alone.
    """

    examples: dict[str, np.ndarray]
    labels: dict[str, np.ndarray | None]
    format: Format
    num_classes: int | None = None
    groups: np.ndarray | None = None


def read(
    name: str,
    data_dir: str | Path | None = None,
    resize: Sequence[int] | None = None,
    crop: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
    length: int | None = None,
    sample_rate: int | None = None,
) -> Source:
    """Reads a data set by its name; see `keras_gen.data.load`."""
    place, _, rest = name.partition(":")
    options = {
        "data_dir": data_dir,
        "resize": resize,
        "crop": crop,
        "image_shape": image_shape,
        "length": length,
        "sample_rate": sample_rate,
    }
    used = _OPTIONS.get(place, options)
    _refuse(name, {key: value for key, value in options.items() if key not in used})
    if name == "digits":
        return _digits()
    if place == "tfds" and rest:
        return _tfds(rest, data_dir, resize, length, sample_rate)
    if place == "npz" and rest:
        return _npz(Path(rest), image_shape)
    if place == "folder" and rest:
        return _folder(Path(rest), resize, crop)
    if place == "text":
        return _text(Path(rest) if rest else None, length)
    if place == "audio" and rest:
        return _audio(*audio.read_folder(Path(rest)), length, sample_rate)
    if place == "points" and rest:
        return _points(rest)
    raise ValueError(
        "data must be digits, tfds:NAME, npz:FILE, folder:PATH, text, text:FILE, audio:PATH or "
        f"points:NAME, received {name!r}."
    )


def _refuse(name: str, unused: dict[str, Any]) -> None:
    """Refuses options that data have no use for, rather than to ignore them.

    Raises:
        ValueError: one is not `None`.
    """
    for option, value in unused.items():
        if value is not None:
            raise ValueError(f"{option} must not be given: {name} has no use for it.")


def _digits() -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int32)
    return Source({"train": images}, {"train": labels}, Images(images.shape[1:], levels=17), 10)


def _points(name: str) -> Source:
    if name not in MIXTURES:
        raise ValueError(
            f"data must be points:{' or points:'.join(MIXTURES)}, received 'points:{name}'."
        )
    drawn = {split: MIXTURES[name].sample(_NUM_POINTS, seed) for seed, split in enumerate(SPLITS)}
    return Source(
        {split: points for split, (points, _) in drawn.items()},
        {split: modes for split, (_, modes) in drawn.items()},
        Points(MIXTURES[name].centres.shape[1]),
        len(MIXTURES[name].centres),
    )


def _text(path: Path | None, length: int | None) -> Source:
    text = read_text(path)
    splits = windows(text, _TEXT_LENGTH if length is None else length, str(path or "text"))
    return Source(splits, dict.fromkeys(splits), Text(text))


def _audio(
    sounds: Sequence[np.ndarray],
    rates: Sequence[int],
    classes: Sequence[Any] | None,
    length: int | None,
    sample_rate: int | None,
) -> Source:
    alike, rate = audio.cut_alike(sounds, rates, sample_rate, length)
    if classes is None:
        return Source({"train": alike}, {"train": None}, Sound(rate))
    names, labels = np.unique(classes, return_inverse=True)
    return Source({"train": alike}, {"train": labels.astype(np.int32)}, Sound(rate), len(names))


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
    except tfds.core.DatasetNotFoundError:
        raise ValueError(f"data must be a data set of TFDS, received {name!r}.") from None
    except Exception as error:  # names that are none, downloads that fail
        raise ValueError(
            f"data must be a data set of TFDS that is there or can be downloaded, received "
            f"{name!r}: {reason(error)}."
        ) from error
    if data_dir is not None and not builder.data_path.exists():
        raise ValueError(f"data_dir must hold the prepared data set, received {data_dir}.")
    if "audio" in builder.info.features:
        _refuse(f"tfds:{name}", {"resize": resize})
        # TFDS gives 16-bit sound as integers; all of it is in its split "train".
        examples = list(tfds.as_numpy(builder.as_dataset(split="train")))
        sounds = [(example["audio"] / 32768.0).astype(np.float32) for example in examples]
        rate = builder.info.features["audio"].sample_rate or sample_rate
        if rate is None:
            raise ValueError(f"sample_rate must be given: {name!r} does not say its own.")
        classes = [int(x["label"]) for x in examples] if "label" in examples[0] else None
        return _audio(sounds, [rate] * len(sounds), classes, length, sample_rate)
    if "image" not in builder.info.features:
        raise ValueError(f"data must have the feature 'image' or 'audio', which {name!r} has not.")

    _refuse(f"tfds:{name}", {"length": length, "sample_rate": sample_rate})
    has_labels = "label" in builder.info.features
    images, labels = {}, {}
    for split in builder.info.splits:
        if split not in SPLITS and split not in _ALIASES:
            continue
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        key = _ALIASES.get(split, split)
        images[key] = _stack([example["image"] for example in examples], resize)
        labels[key] = (
            np.array([example["label"] for example in examples], np.int32) if has_labels else None
        )
    if "train" not in images:
        raise ValueError(f"data must have a split named train, which {name!r} has not.")
    num_classes = builder.info.features["label"].num_classes if has_labels else None
    return Source(images, labels, Images(images["train"].shape[1:]), num_classes)


def _stack(images: Sequence[np.ndarray], resize: Sequence[int] | None) -> np.ndarray:
    shapes = {image.shape[:2] for image in images}
    if len(shapes) > 1:
        if resize is None:
            raise ValueError(
                "resize must be given as (height, width): the pictures have "
                f"{len(shapes)} different sizes."
            )
        images = [pictures.resized(image[None], resize)[0] for image in images]
    return np.stack(images)


def _npz(path: Path, image_shape: Sequence[int] | None) -> Source:
    arrays, names = read_npz(path, lambda name: _split_of(_without_side(name)) in SPLITS)
    arrays = _with_sides_as_labels(arrays, path)
    images: dict[str, np.ndarray] = {}
    labels: dict[str, np.ndarray | None] = {}
    for name, array in arrays.items():
        part = name.rpartition("_")[0]
        if part in ("", "x"):
            images[_split_of(name)] = _restored(array, image_shape, path)
        elif part == "y":
            labels[_split_of(name)] = array
    if "train" not in images:
        raise ValueError(
            f"{path} must hold arrays named train or x_train (and likewise for validation, "
            f"valid or test; labels y_train), it holds {', '.join(names)}."
        )
    for split, x in images.items():
        if not x.size:
            raise ValueError(
                f"{path} must hold images in every split, received shape {list(x.shape)} in "
                f"{split}."
            )
        if x.shape[1:] != images["train"].shape[1:]:
            raise ValueError(
                f"{path} must hold images of one shape in every split, received {list(x.shape)} "
                f"in {split}, {list(images['train'].shape)} in train."
            )
    levels = 2 if max(int(x.max()) for x in images.values()) < 2 else 256
    format = Images(images["train"].shape[1:], levels)
    if not labels:
        return Source(images, dict.fromkeys(images), format)
    num_classes = 1
    for split, x in images.items():
        y = labels.get(split)
        if y is None:
            raise ValueError(f"{path} must hold labels for all splits or for none, see {split}.")
        checks.shaped(f"y_{split}", y, (len(x),))
        checks.integers(f"y_{split}", y, 0, 2**31 - 1)
        labels[split] = y.astype(np.int32)
        num_classes = max(num_classes, int(y.max(initial=0)) + 1)
    return Source(images, labels, format, num_classes)


def _without_side(name: str) -> str:
    """What stands before the side, of a name such as train_a."""
    before, _, side = name.rpartition("_")
    return before if side in _SIDES else name


def _with_sides_as_labels(arrays: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """Joins arrays such as train_a and train_b, with labels 0 and 1.

    Raises:
        ValueError: a side is missing, or they differ in shape.
    """
    joined = {name: array for name, array in arrays.items() if _without_side(name) == name}
    for split in {_without_side(name) for name in arrays.keys() - joined.keys()}:
        sides = [arrays[name] for side in _SIDES if (name := f"{split}_{side}") in arrays]
        shapes = [side.shape[1:] for side in sides]
        if len(sides) < len(_SIDES) or shapes[0] != shapes[1]:
            raise ValueError(
                f"{path} must hold both sides of {split}, images of one shape, it holds "
                f"{' and '.join(str(list(shape)) for shape in shapes)}."
            )
        joined[f"x_{split}"] = np.concatenate(sides)
        joined[f"y_{split}"] = np.repeat(np.arange(2), [len(side) for side in sides])
    return joined


def _split_of(name: str) -> str:
    split = name.rpartition("_")[2]
    return _ALIASES.get(split, split)


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


def _folder(path: Path, resize: Sequence[int] | None, crop: Sequence[int] | None) -> Source:
    if not path.is_dir():
        raise ValueError(f"data must name a folder that exists, received {path}.")
    if (resize is None) == (crop is None):  # neither, or both
        raise ValueError(
            "resize must be given as (height, width) for a folder of pictures, or else crop, not "
            "both."
        )
    groups = None
    if crop is not None:
        images, labels, classes, groups = pictures.read_crops(path, crop)
    elif resize is not None:
        images, labels, classes = pictures.read_folder(path, resize)
    num_classes = None if classes is None else len(classes)
    format = Images(images.shape[1:])
    return Source({"train": images}, {"train": labels}, format, num_classes, groups)
