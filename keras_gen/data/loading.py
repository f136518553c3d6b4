"""Data by name: split the same way each time, shuffled, batched, prefetched."""

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
        kind: "images", "text" or "audio".
        image_shape: (height, width, channels) of images.
        levels: how many values an image's channel takes.
        length: characters of a text, samples of a sound.
        vocabulary: the characters of texts.
        sample_rate: of sounds, in Hz.
        num_classes: how many labels there are; `None` where there are none.
        counts: examples by split.
    """

    name: str
    split: str
    kind: str
    image_shape: tuple[int, int, int] | None
    levels: int | None
    length: int | None
    vocabulary: str | None
    sample_rate: int | None
    num_classes: int | None
    counts: dict[str, int]

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
    image_shape: Sequence[int] | None = None,
    length: int | None = None,
    sample_rate: int | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray | None, Description]:
    """Loads a split as arrays; the arguments and errors are those of `load`.

    Returns:
        Images uint8 `[n, height, width, channels]`, texts int32 `[n, length]` or sounds float32
        `[n, length]`; labels int32 `[n]` or `None`; and their description. With
        `binarize="dynamic"`, the training images come as they are, to be binarised anew each
        epoch; those of the other splits come binarised.
    """
    images, labels, description, _ = _load_arrays(
        name, split, data_dir, binarize, resize, image_shape, length, sample_rate, seed
    )
    return images, labels, description


def _load_arrays(
    name: str,
    split: str,
    data_dir: str | Path | None,
    binarize: str | None,
    resize: Sequence[int] | None,
    image_shape: Sequence[int] | None,
    length: int | None,
    sample_rate: int | None,
    seed: int,
) -> tuple[np.ndarray, np.ndarray | None, Description, int]:
    """What `load_arrays` gives, and the levels of the data before it was binarised."""
    checks.in_range("seed", seed, 0, 2**31 - 1)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, received {split!r}.")
    if binarize not in (None, "fixed", "dynamic"):
        raise ValueError(f"binarize must be None, fixed or dynamic, received {binarize!r}.")
    for argument, value in (("length", length), ("sample_rate", sample_rate)):
        if value is not None:
            checks.positive(argument, value)
    source = _complete_splits(read(name, data_dir, resize, image_shape, length, sample_rate))
    images, labels = source.examples[split], source.labels[split]
    is_images = source.kind == "images"
    if binarize is not None and not is_images:
        raise ValueError(f"binarize must be None: {name} holds {source.kind}, not images.")
    if is_images and resize is not None and images.shape[1:3] != tuple(resize):
        images = resized(images, resize)
    if not len(images):
        raise ValueError(f"data must have examples in every split, {name} has none in {split}.")
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
        kind=source.kind,
        image_shape=checks.image_shape(images.shape[1:]) if is_images else None,
        levels=levels if is_images else None,
        length=None if is_images else images.shape[1],
        vocabulary=source.vocabulary,
        sample_rate=source.sample_rate,
        num_classes=source.num_classes,
        counts={key: len(x) for key, x in source.examples.items()},
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
    length: int | None = None,
    sample_rate: int | None = None,
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
            own help) or `audio:PATH` (WAV files; classes are subfolders, or what stands before the
            first underscore of a name).
        split: "train", "validation" or "test".
        batch_size: examples a batch.
        data_dir: where TFDS has prepared its data; `None` lets it download.
        binarize: "fixed" draws each pixel once as black or white, its level giving the chance;
            "dynamic" draws the training images anew each epoch; `None` leaves the levels.
        resize: (height, width); required where pictures differ in size.
        image_shape: (height, width, channels) of an `.npz` file's flat or bit-packed rows.
        length: characters of a text's windows (`None` is 500), or samples of a sound, cut or filled
            up with silence (`None` is the longest).
        sample_rate: to resample sounds to, in Hz; required where they differ.
        shuffle: whether the order changes each epoch; `None` does so for "train" alone.
        seed: of the order and of the training images' binarisation, at least 0.
        first_epoch: `None` gives one pass, in another order each time it is iterated; a number
            gives all epochs from that one on, without end, in an order that follows from the seed
            and the epoch: what resuming needs, with `steps_per_epoch`.

    Returns:
        A dataset of examples, or of `(examples, labels)` where there are labels, and its
        description.

    Raises:
        ValueError: an unknown data set or split, or data of another form than asked for.

    Example:
        >>> dataset, description = load("digits", "train", batch_size=32)
        >>> description.image_shape, description.levels
        ((8, 8, 1), 17)
    """
    checks.positive("batch_size", batch_size)
    images, labels, description, levels = _load_arrays(
        name, split, data_dir, binarize, resize, image_shape, length, sample_rate, seed
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
    """Takes the splits that a source lacks from its training examples."""
    missing = [split for split in ("test", "validation") if split not in source.examples]
    examples, labels = dict(source.examples), dict(source.labels)
    train, train_labels = examples["train"], labels["train"]
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(train))
    held_out = int(len(train) * _HELD_OUT)
    for split in missing:
        taken, order = order[:held_out], order[held_out:]
        examples[split] = train[taken]
        labels[split] = None if train_labels is None else train_labels[taken]
    if missing:
        examples["train"] = train[order]
        labels["train"] = None if train_labels is None else train_labels[order]
    return dataclasses.replace(source, examples=examples, labels=labels)
