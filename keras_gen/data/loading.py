"""Data by name: split the same way each time, shuffled, batched, prefetched."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.data.audio import MOST_HERTZ
from keras_gen.data.conditions import SOURCES
from keras_gen.data.pictures import resized
from keras_gen.data.sources import SPLITS, Source, read
from keras_gen.formats import Format, Images

# The share of the training images that makes a split which the source does not have.
_HELD_OUT = 0.1
_SPLIT_SEED = 0


@dataclasses.dataclass(frozen=True)
class Description:
    """What a model needs to know of its data.

    What the format says can be read here too: `description.image_shape` is
    `description.format.image_shape`, and so are `levels`, `vocabulary` and `sample_rate`.

    Attributes:
        name: of the data set.
        split: "train", "validation" or "test".
        format: what the examples are.
        length: values of an example, where the format allows any number: characters of a text,
            samples of a sound; else `None`.
        num_classes: how many labels there are; `None` where there are none.
        counts: examples by split.
        source: of the pictures that examples come with as "source"; `None` where there are none.
    """

    name: str
    split: str
    format: Format
    length: int | None
    num_classes: int | None
    counts: dict[str, int]
    source: Format | None = None

    def __getattr__(self, name: str) -> Any:
        # Only what the dataclass lacks arrives here. Copying and unpickling look for names before
        # there is a format.
        if name.startswith("__") or name == "format":
            raise AttributeError(name)
        return getattr(self.format, name)

    @property
    def count(self) -> int:
        """Examples in this split."""
        return self.counts[self.split]


def load_arrays(
    name: str,
    split: str = "train",
    *,
    data_dir: str | Path | None = None,
    binarize: str | None = None,
    resize: Sequence[int] | None = None,
    crop: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
    length: int | None = None,
    sample_rate: int | None = None,
    sides: bool = False,
    source: str | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, Any, Description]:
    """Loads a split as arrays; the arguments and errors are those of `load`.

    Returns:
        Stored data: images uint8 `[n, height, width, channels]`, texts int32 `[n, length]` or
        sounds float32 `[n, length]`; what comes with them: labels int32 `[n]`, a dict of pictures
        with `sides` or `source`, or `None`; and their description. With `binarize="dynamic"`, the
        training images come as they are, to be binarised anew each epoch; those of the other splits
        come binarised.
    """
    examples, given, description, _ = _load_arrays(
        name,
        split,
        seed,
        binarize,
        sides,
        source,
        data_dir=data_dir,
        resize=resize,
        crop=crop,
        image_shape=image_shape,
        length=length,
        sample_rate=sample_rate,
    )
    return examples, given, description


def _load_arrays(
    name: str,
    split: str,
    seed: int,
    binarize: str | None,
    sides: bool,
    source: str | None,
    **options: Any,
) -> tuple[np.ndarray, Any, Description, int | None]:
    """What `load_arrays` gives, and the levels of images that each epoch binarises anew."""
    checks.in_range("seed", seed, 0, 2**31 - 1)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, received {split!r}.")
    if binarize not in (None, "fixed", "dynamic"):
        raise ValueError(f"binarize must be None, fixed or dynamic, received {binarize!r}.")
    if source is not None:
        checks.one_of("source", source, tuple(SOURCES))
        if sides or binarize is not None:
            raise ValueError("source must not be given beside sides or binarize.")
    if options["length"] is not None:
        checks.positive("length", options["length"])
    if options["sample_rate"] is not None:
        checks.in_range("sample_rate", options["sample_rate"], 1, MOST_HERTZ)
    for option in ("resize", "crop"):
        if options[option] is not None:
            options[option] = _size(option, options[option])
    if options["image_shape"] is not None:
        options["image_shape"] = checks.image_shape(options["image_shape"])
    whole = read(name, **options)
    if sides:
        _check_two_sides(name, whole)
    whole = _complete_splits(whole)
    examples, format = whole.examples[split], whole.format
    given: Any = whole.labels[split]
    if not len(examples):
        raise ValueError(f"data must have examples in every split, {name} has none in {split}.")
    levels_to_binarize = source_format = None
    if isinstance(format, Images):
        levels = format.levels
        resize = options["resize"]
        if resize is not None and examples.shape[1:3] != tuple(resize):
            examples = resized(examples, resize)
        if binarize == "dynamic" and split == "train":
            levels_to_binarize = levels
        elif binarize is not None:
            examples = _binarized(examples, levels, split, seed)
        format = Images(examples.shape[1:], levels if binarize is None else 2)
        if source is not None:
            made, source_format = SOURCES[source](examples, levels)
            given = {"source": made}
    elif binarize is not None or source is not None:
        option = "source" if binarize is None else "binarize"
        raise ValueError(f"{option} must be None: {name} holds {format.name}, not images.")
    if sides:
        examples, given = _paired(examples, given)
    description = Description(
        name=name,
        split=split,
        format=format,
        length=examples.shape[1] if format.input().shape[1] is None else None,
        num_classes=None if isinstance(given, dict) else whole.num_classes,
        counts=_counts(whole, sides),
        source=source_format,
    )
    return examples, given, description, levels_to_binarize


def _check_two_sides(name: str, source: Source) -> None:
    """Refuses data that have not two classes of pictures.

    Raises:
        ValueError: they have not.
    """
    if not isinstance(source.format, Images) or source.num_classes != 2:
        what = f"{source.num_classes or 'no'} classes of {source.format.name}"
        raise ValueError(f"sides must be off: {name} has {what}, not two classes of images.")


def _paired(examples: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The two classes as two sides of as many examples: the smaller one begins again."""
    sides = [examples[labels == label] for label in (0, 1)]
    if not all(map(len, sides)):
        raise ValueError("sides must be off: every split must have pictures of both classes.")
    num = max(map(len, sides))
    a, b = (np.resize(side, (num, *side.shape[1:])) for side in sides)
    return a, {"b": b}


def _counts(source: Source, sides: bool) -> dict[str, int]:
    if not sides:
        return {split: len(x) for split, x in source.examples.items()}
    return {
        split: int(np.bincount(labels, minlength=2).max())
        for split, labels in source.labels.items()
        if labels is not None
    }


def _size(name: str, value: Any) -> tuple[int, int]:
    try:
        height, width = value
        return checks.positive(name, height), checks.positive(name, width)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be (height, width), both at least 1, received {value!r}."
        ) from None


def _binarized(images: np.ndarray, levels: int, split: str, seed: int) -> np.ndarray:
    """Draws each pixel once as black or white, its level giving the chance."""
    # Held-out images are the same for every seed, so that scores compare.
    rng = np.random.default_rng([seed if split == "train" else _SPLIT_SEED, SPLITS.index(split)])
    return (rng.random(images.shape) * (levels - 1) < images).astype(np.uint8)


def load(
    name: str,
    split: str = "train",
    batch_size: int = 64,
    *,
    data_dir: str | Path | None = None,
    binarize: str | None = None,
    resize: Sequence[int] | None = None,
    crop: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
    length: int | None = None,
    sample_rate: int | None = None,
    sides: bool = False,
    source: str | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    first_epoch: int | None = None,
) -> tuple[tf.data.Dataset, Description]:
    """Loads a split of a data set, ready for `fit`.

    Splits that the data set lacks are taken from its training examples by a fixed permutation, a
    tenth each: the splits never overlap, and are the same each time. Data is held in memory.

    Args:
        name: `digits` (scikit-learn's 1797 digits, 8x8, 17 levels), `tfds:NAME` (images or sounds
            of TensorFlow Datasets), `npz:FILE` (images: arrays train, validation, test, or x_train,
            y_train and so on), `folder:PATH` (pictures; subfolders are classes), `text:FILE`
            (UTF-8, cut into windows; its last tenth is for validation and test), `text` (Python's
            own help), `audio:PATH` (WAV files; classes are subfolders, or what stands before the
            first underscore of a name), or `points:ring` and `points:grid` (mixtures of Gaussians
            in the plane, whose labels are their modes).
        split: "train", "validation" or "test".
        batch_size: examples a batch.
        data_dir: where TFDS has prepared its data; `None` lets it download.
        binarize: "fixed" draws each pixel once as black or white, its level giving the chance;
            "dynamic" draws the training images anew each epoch; `None` leaves the levels.
        resize: (height, width); required where pictures differ in size, unless `crop` is given.
        crop: (height, width) of pieces of a folder's pictures, in place of `resize`: at random
            places, the same each time, and so many that they would cover each picture twice; all
            pieces of a picture are in one split.
        image_shape: (height, width, channels) of an `.npz` file's flat or bit-packed rows.
        length: characters of a text's windows (`None` is 500), or samples of a sound, cut or filled
            up with silence (`None` is the longest).
        sample_rate: to resample sounds to, in Hz; required where they differ.
        sides: whether the two classes of pictures are sides to be translated into each other: a
            batch is `(a, {"b": b})`, the smaller side begins again, and either has its own order.
        source: "edges" or "grey": a batch is `(x, {"source": source})`, where each source was made
            from its picture: the tenth of its pixels with the greatest slopes, or its brightness.
        shuffle: whether the order changes each epoch; `None` does so for "train" alone.
        seed: of the order and of the training images' binarisation, at least 0.
        first_epoch: `None` gives one pass, in another order each time it is iterated; a number
            gives all epochs from that one on, without end, in an order that follows from the seed
            and the epoch: what resuming needs, with `steps_per_epoch`.

    Returns:
        A dataset of examples, or of `(examples, labels)` where there are labels or what stands in
        their place, and its description.

    Raises:
        ValueError: an unknown data set or split, data of another form than asked for, or an option
            that they have no use for.

    Example:
        >>> dataset, description = load("digits", "train", batch_size=32)
        >>> description.image_shape, description.levels
        ((8, 8, 1), 17)
    """
    checks.in_range("batch_size", batch_size, 1, 2**31 - 1)
    examples, given, description, levels_to_binarize = _load_arrays(
        name,
        split,
        seed,
        binarize,
        sides,
        source,
        data_dir=data_dir,
        resize=resize,
        crop=crop,
        image_shape=image_shape,
        length=length,
        sample_rate=sample_rate,
    )
    shuffle = split == "train" if shuffle is None else shuffle
    count = len(examples)
    # Tensors, not arrays: a graph would copy an array into itself at each epoch.
    examples = tf.constant(examples)
    given = None if given is None else tf.nest.map_structure(tf.constant, given)

    def fetch(index: tf.Tensor, others: tf.Tensor, epoch: tf.Tensor) -> Any:
        batch = tf.gather(examples, index)
        if levels_to_binarize is not None:
            # No two batches of an epoch begin with the same image, and no order is drawn with
            # these seeds: those are less than 2**31.
            batch_seed = tf.stack([(index[0] + 1) * 2**31 + seed, epoch])
            u = tf.random.stateless_uniform(tf.shape(batch), batch_seed)
            batch = tf.cast(u * (levels_to_binarize - 1.0) < tf.cast(batch, tf.float32), tf.uint8)
        if given is None:
            return batch
        return batch, tf.nest.map_structure(lambda values: tf.gather(values, others), given)

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = others = tf.range(count, dtype=tf.int64)
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed=[seed, epoch])
            # Sides meet anew each time; all else belongs to its example.
            shuffled = tf.random.experimental.stateless_shuffle
            others = shuffled(others, seed=[seed, -1 - epoch]) if sides else order
        batches = tf.data.Dataset.from_tensor_slices((order, others)).batch(batch_size)
        return batches.map(lambda index, others: fetch(index, others, epoch))

    if first_epoch is not None:
        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        return epochs.flat_map(one_epoch).prefetch(tf.data.AUTOTUNE), description
    epoch = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    batches = epoch.flat_map(one_epoch).prefetch(tf.data.AUTOTUNE)
    known_length = tf.data.experimental.assert_cardinality(-(-count // batch_size))
    return batches.apply(known_length), description


def _complete_splits(source: Source) -> Source:
    """Takes the splits that a source lacks from its training examples."""
    missing = [split for split in ("test", "validation") if split not in source.examples]
    examples, labels = dict(source.examples), dict(source.labels)
    train, train_labels = examples["train"], labels["train"]
    groups = np.arange(len(train)) if source.groups is None else source.groups
    order = np.random.default_rng(_SPLIT_SEED).permutation(int(groups.max(initial=-1)) + 1)
    held_out = int(len(order) * _HELD_OUT)
    for split in missing:
        held, order = order[:held_out], order[held_out:]
        taken = _members(held, groups)
        examples[split] = train[taken]
        labels[split] = None if train_labels is None else train_labels[taken]
    if missing:
        rest = _members(order, groups)
        examples["train"] = train[rest]
        labels["train"] = None if train_labels is None else train_labels[rest]
    return dataclasses.replace(source, examples=examples, labels=labels)


def _members(chosen: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The examples of some groups, a group after the other; groups stand in ascending order."""
    begins, ends = (np.searchsorted(groups, chosen, side) for side in ("left", "right"))
    spans = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
    return np.concatenate([np.arange(0), *spans])
