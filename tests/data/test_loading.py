"""Data by name: splits, order, binarisation, files, errors."""

import pickle

import numpy as np
import pytest
from PIL import Image

from keras_gen import data
from keras_gen.formats import Images


def batches(dataset):
    return [
        batch if isinstance(batch, tuple) else (batch,) for batch in dataset.as_numpy_iterator()
    ]


def images_of(dataset):
    return np.concatenate([batch[0] for batch in batches(dataset)])


def rows(images):
    return [x.tobytes() for x in images]


def test_digits():
    dataset, description = data.load("digits", "train", batch_size=100)
    assert description.image_shape == (8, 8, 1)
    assert (description.levels, description.num_classes) == (17, 10)
    assert sum(description.counts.values()) == 1797
    assert description.count == 1439
    assert len(dataset) == 15
    first = batches(dataset)[0]
    assert first[0].shape == (100, 8, 8, 1)
    assert first[0].dtype == np.uint8
    assert first[1].dtype == np.int32


def test_a_description_says_what_its_format_says():
    _, _, description = data.load_arrays("digits", binarize="fixed")
    assert description.format == Images((8, 8, 1), levels=2)
    assert (description.image_shape, description.levels) == ((8, 8, 1), 2)
    assert description.length is None
    with pytest.raises(AttributeError, match="vocabulary"):
        _ = description.vocabulary
    assert pickle.loads(pickle.dumps(description)) == description


def test_splits_do_not_overlap_and_are_the_same_each_time(tmp_path):
    unique = np.stack([np.arange(1000) // 256, np.arange(1000) % 256], axis=1).astype(np.uint8)
    np.savez(tmp_path / "a.npz", train=unique.reshape(-1, 1, 2, 1))
    splits = [
        rows(data.load_arrays(f"npz:{tmp_path}/a.npz", split)[0])
        for split in ("train", "validation", "test")
    ]
    assert [len(split) for split in splits] == [800, 100, 100]
    assert len(set().union(*splits)) == 1000
    again = rows(data.load_arrays(f"npz:{tmp_path}/a.npz", "test", seed=5)[0])
    assert again == splits[2]


def test_each_pass_has_another_order_and_the_same_images():
    dataset, _ = data.load("digits", "train")
    first, second = images_of(dataset), images_of(dataset)
    assert rows(first) != rows(second)
    assert sorted(rows(first)) == sorted(rows(second))
    unshuffled, _ = data.load("digits", "test")
    assert rows(images_of(unshuffled)) == rows(data.load_arrays("digits", "test")[0])


@pytest.mark.parametrize("binarize", [None, "dynamic"])
def test_epochs_from_the_third_on_are_those_of_a_run_from_the_first(binarize):
    arguments = {"name": "digits", "batch_size": 500, "binarize": binarize, "seed": 3}
    from_first, description = data.load(**arguments, first_epoch=0)
    from_third, _ = data.load(**arguments, first_epoch=2)
    per_epoch = -(-description.count // 500)
    late = batches(from_first.skip(2 * per_epoch).take(2 * per_epoch))
    for a, b in zip(late, batches(from_third.take(2 * per_epoch)), strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
    assert (late[0][0] != late[per_epoch][0]).any()


def test_neighbouring_seeds_share_no_binarisation():
    def first_images(seed, epoch):
        dataset, _ = data.load(
            "digits", binarize="dynamic", shuffle=False, seed=seed, first_epoch=epoch
        )
        return batches(dataset.take(1))[0][0]

    same = (first_images(0, 1) == first_images(0, 1)).mean()
    other = (first_images(0, 1) == first_images(1, 0)).mean()
    assert same == 1.0
    assert other < 0.95


def test_binarisation_follows_the_levels():
    grey, _, _ = data.load_arrays("digits")
    fixed, _, description = data.load_arrays("digits", binarize="fixed")
    assert description.levels == 2
    assert set(np.unique(fixed)) == {0, 1}
    for level in (0, 4, 8, 16):
        share = fixed[grey == level].mean()
        assert share == pytest.approx(level / 16, abs=0.03)
    np.testing.assert_array_equal(fixed, data.load_arrays("digits", binarize="fixed")[0])
    assert (fixed != data.load_arrays("digits", binarize="fixed", seed=1)[0]).any()

    dynamic, description = data.load("digits", binarize="dynamic", shuffle=False)
    first, second = images_of(dynamic), images_of(dynamic)
    assert description.levels == 2
    assert (first != second).any()
    assert first.mean() == pytest.approx(grey.mean() / 16, abs=0.01)
    # What is measured on stays fixed.
    held_out, _ = data.load("digits", "test", binarize="dynamic")
    np.testing.assert_array_equal(images_of(held_out), images_of(held_out))


def test_npz_of_packed_rows_and_of_labelled_images(tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (20, 3, 5, 1), dtype=np.uint8)
    np.savez(tmp_path / "packed.npz", train=np.packbits(x.reshape(20, -1), axis=1), test=x[:5])
    images, labels, description = data.load_arrays(
        f"npz:{tmp_path}/packed.npz", "test", image_shape=(3, 5, 1)
    )
    np.testing.assert_array_equal(images, x[:5])
    assert labels is None
    train = data.load_arrays(f"npz:{tmp_path}/packed.npz", image_shape=(3, 5, 1))[0]
    assert set(rows(train)) <= set(rows(x))
    assert (description.levels, description.num_classes) == (2, None)

    y = np.arange(20) % 4
    np.savez(tmp_path / "b.npz", x_train=x[..., 0] * 9, y_train=y, x_test=x[..., 0], y_test=y)
    images, labels, description = data.load_arrays(f"npz:{tmp_path}/b.npz", "test")
    assert images.shape == (20, 3, 5, 1)
    np.testing.assert_array_equal(labels, y)
    assert (description.levels, description.num_classes) == (256, 4)


def test_a_split_without_images_is_named(tmp_path):
    x = np.zeros((20, 3, 5, 1), np.uint8)
    np.savez(tmp_path / "a.npz", train=x, validation=x[:0])
    message = r"a.npz must hold images in every split, received shape \[0, 3, 5, 1\] in validation"
    with pytest.raises(ValueError, match=message):
        data.load_arrays(f"npz:{tmp_path}/a.npz")


def test_a_folder_of_pictures(tmp_path):
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        (tmp_path / name).mkdir()
        for i in range(10):
            Image.new("RGB", (6 + i, 8), colour).save(tmp_path / name / f"{i}.png")
    images, labels, description = data.load_arrays(f"folder:{tmp_path}", resize=(4, 4))
    assert description.image_shape == (4, 4, 3)
    assert description.num_classes == 2
    # Classes come in the order of their names: blue is 0.
    np.testing.assert_array_equal(images[labels == 0][0, 0, 0], (0, 0, 255))


def test_resize():
    images, _, description = data.load_arrays("digits", "test", resize=(16, 12))
    assert images.shape[1:] == description.image_shape == (16, 12, 1)
    assert images.max() <= 16


def test_real_mnist_through_tfds(shared_data):
    images, labels, description = data.load_arrays(
        "tfds:mnist", "test", data_dir=shared_data / "tfds"
    )
    assert description.counts == {"train": 54000, "validation": 6000, "test": 10000}
    assert images.shape == (10000, 28, 28, 1)
    assert (description.levels, description.num_classes) == (256, 10)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mnist"}, "data must be digits, .* or points:NAME, received"),
        ({"name": "tfds:no_such_set"}, "data must be a data set of TFDS, received 'no_such_set'"),
        ({"name": "npz:nowhere.npz"}, "data must name an .npz file that exists"),
        ({"name": "folder:nowhere"}, "data must name a folder that exists"),
        ({"name": "digits", "split": "dev"}, "split must be one of train, validation, test"),
        ({"name": "digits", "binarize": "yes"}, "binarize must be None, fixed or dynamic"),
        ({"name": "digits", "batch_size": 0}, "batch_size must be 1 to"),
        ({"name": "digits", "data_dir": "."}, "data_dir must not be given: digits has no use for"),
        ({"name": "digits", "image_shape": (8, 8, 1)}, "image_shape must not be given: digits"),
        ({"name": "digits", "length": 4}, "length must not be given: digits has no use for it"),
        ({"name": "npz:nowhere.npz", "sample_rate": 8}, "sample_rate must not be given: npz:nowh"),
        ({"name": "folder:nowhere", "length": 8}, "length must not be given: folder:nowhere has"),
        ({"name": "text", "resize": (8, 8)}, "resize must not be given: text has no use for it"),
        ({"name": "text:none.txt", "sample_rate": 8}, "sample_rate must not be given: text:none"),
        ({"name": "audio:nowhere", "resize": (8, 8)}, "resize must not be given: audio:nowhere"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.load(**arguments)
