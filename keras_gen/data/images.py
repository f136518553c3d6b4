"""Images by name: split the same way each time, shuffled, batched, prefetched."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gen import checks
from keras_gen.data.sources import SPLITS, Source, read, resized

# The share of the training images that makes a split which the source does not have.
_HELD_OUT = 0.1
_SPLIT_SEED = 0


@dataclasses.dataclass(frozen=True)
class Description:
    """What a model needs to know of its data.

    Attributes:
        name: of the data set.
        split: "train", "validation" or "test".
        image_shape: (height, width, channels).
        levels: how many values a channel takes.
        num_classes: how many labels there are; `None` where there are none.
        counts: images by split.
    """

    name: str
    split: str
    image_shape: tuple[int, int, int]
    levels: int
    num_classes: int | None
    counts: dict[str, int]

    @property
    def count(self) -> int:
        """Images in this split."""
        return self.counts[self.split]


def load_arrays(
    name: str,
    split: str = "train",
    *,
    data_dir: str | Path | None = None,
    binarize: str | None = None,
    resize: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray | None, Description]:
    """Loads a split as arrays; the arguments and errors are those of `load`.

    Returns:
        Images uint8 `[n, height, width, channels]`, labels int32 `[n]` or `None`, and their
        description. With `binarize="dynamic"`, the training images come as they are, to be
        binarised anew each epoch; those of the other splits come binarised.
    """
    images, labels, description, _ = _load_arrays(
        name, split, data_dir, binarize, resize, image_shape, seed
    )
    return images, labels, description


def _load_arrays(
    name: str,
    split: str,
    data_dir: str | Path | None,
    binarize: str | None,
    resize: Sequence[int] | None,
    image_shape: Sequence[int] | None,
    seed: int,
) -> tuple[np.ndarray, np.ndarray | None, Description, int]:
    """What `load_arrays` gives, and the levels of the data before it was binarised."""
    checks.in_range("seed", seed, 0, 2**31 - 1)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, received {split!r}.")
    if binarize not in (None, "fixed", "dynamic"):
        raise ValueError(f"binarize must be None, fixed or dynamic, received {binarize!r}.")
    source = _complete_splits(read(name, data_dir, resize, image_shape))
    images, labels = source.images[split], source.labels[split]
    if resize is not None and images.shape[1:3] != tuple(resize):
        images = resized(images, resize)
    if not len(images):
        raise ValueError(f"data must have images in every split, {name} has none in {split}.")
    levels = source.levels
    if binarize is not None:
        if not (binarize == "dynamic" and split == "train"):
            # Held-out images are the same for every seed, so that scores compare.
            rng = np.random.default_rng(
                [seed if split == "train" else _SPLIT_SEED, SPLITS.index(split)]
            )
            images = (rng.random(images.shape) * (levels - 1) < images).astype(np.uint8)
        levels = 2
    description = Description(
        name=name,
        split=split,
        image_shape=checks.image_shape(images.shape[1:]),
        levels=levels,
        num_classes=source.num_classes,
        counts={key: len(x) for key, x in source.images.items()},
    )
    return images, labels, description, source.levels


def load(
    name: str,
    split: str = "train",
    batch_size: int = 64,
    *,
    data_dir: str | Path | None = None,
    binarize: str | None = None,
    resize: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    first_epoch: int | None = None,
) -> tuple[tf.data.Dataset, Description]:
    """Loads a split of a data set, ready for `fit`.

    Splits that the data set lacks are taken from its training images by a fixed permutation, a
    tenth each: the splits never overlap, and are the same each time. Images are held in memory.

    Args:
        name: `digits` (scikit-learn's 1797 digits, 8x8, 17 levels), `tfds:NAME` (an image set of
            TensorFlow Datasets), `npz:FILE` (arrays train, validation, test, or x_train, y_train
            and so on), or `folder:PATH` (pictures; subfolders are classes).
        split: "train", "validation" or "test".
        batch_size: images a batch.
        data_dir: where TFDS has prepared its data; `None` lets it download.
        binarize: "fixed" draws each pixel once as black or white, its level giving the chance;
            "dynamic" draws the training images anew each epoch; `None` leaves the levels.
        resize: (height, width); required where pictures differ in size.
        image_shape: (height, width, channels) of an `.npz` file's flat or bit-packed rows.
        shuffle: whether the order changes each epoch; `None` does so for "train" alone.
        seed: of the order and of the training images' binarisation, at least 0.
        first_epoch: `None` gives one pass, in another order each time it is iterated; a number
            gives all epochs from that one on, without end, in an order that follows from the seed
            and the epoch: what resuming needs, with `steps_per_epoch`.

    Returns:
        A dataset of `images`, or `(images, labels)` where there are labels, and its description.

    Raises:
        ValueError: an unknown data set or split, or data of another form than asked for.

    Example:
        >>> dataset, description = load("digits", "train", batch_size=32)
        >>> description.image_shape, description.levels
        ((8, 8, 1), 17)
    """
    checks.positive("batch_size", batch_size)
    images, labels, description, levels = _load_arrays(
        name, split, data_dir, binarize, resize, image_shape, seed
    )
    shuffle = split == "train" if shuffle is None else shuffle
    rebinarize = binarize == "dynamic" and split == "train"
    count = len(images)
    # Tensors, not arrays: a graph would copy an array into itself at each epoch.
    images = tf.constant(images)
    labels = None if labels is None else tf.constant(labels)

    def fetch(index: tf.Tensor, epoch: tf.Tensor) -> Any:
        batch = tf.gather(images, index)
        if rebinarize:
            # No two batches of an epoch begin with the same image.
            u = tf.random.stateless_uniform(tf.shape(batch), seed=[epoch + seed, index[0]])
            batch = tf.cast(u * (levels - 1.0) < tf.cast(batch, tf.float32), tf.uint8)
        return batch if labels is None else (batch, tf.gather(labels, index))

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(count, dtype=tf.int64)
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, seed=[seed, epoch])
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return batches.map(lambda index: fetch(index, epoch))

    if first_epoch is not None:
        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        return epochs.flat_map(one_epoch).prefetch(tf.data.AUTOTUNE), description
    epoch = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).take(1)
    batches = epoch.flat_map(one_epoch).prefetch(tf.data.AUTOTUNE)
    length = tf.data.experimental.assert_cardinality(-(-count // batch_size))
    return batches.apply(length), description


def _complete_splits(source: Source) -> Source:
    """Takes the splits that a source lacks from its training images."""
    missing = [split for split in ("test", "validation") if split not in source.images]
    images, labels = dict(source.images), dict(source.labels)
    train, train_labels = images["train"], labels["train"]
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(train))
    held_out = int(len(train) * _HELD_OUT)
    for split in missing:
        taken, order = order[:held_out], order[held_out:]
        images[split] = train[taken]
        labels[split] = None if train_labels is None else train_labels[taken]
    if missing:
        images["train"] = train[order]
        labels["train"] = None if train_labels is None else train_labels[order]
    return dataclasses.replace(source, images=images, labels=labels)
