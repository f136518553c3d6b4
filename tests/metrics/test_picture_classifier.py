"""Classifiers that are kept in files: small, whole, as good as stated."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_gen import data, metrics
from keras_gen.metrics import picture_classifier
from keras_gen.metrics.train_classifier import train_classifier

KEPT = Path(picture_classifier.__file__).parent / "classifiers"


@pytest.fixture(scope="module")
def of_mnist():
    return metrics.classifier("mnist")


@pytest.mark.parametrize(("name", "accuracy"), [("mnist", 0.99), ("fashion_mnist", 0.9)])
def test_the_accuracy_of_those_in_the_package(name, accuracy, shared_data):
    pictures, labels, _ = data.load_arrays(f"tfds:{name}", "test", data_dir=shared_data / "tfds")
    found = metrics.share_as_asked(pictures, labels, metrics.classifier(name))
    assert found >= accuracy


def test_another_hand_of_digits(of_mnist):
    """Where the data set is not at hand: scikit-learn's digits, enlarged and framed as MNIST's."""
    pictures, labels, _ = data.load_arrays("digits", "test", resize=(20, 20))
    framed = np.pad(pictures * 15.9375, ((0, 0), (4, 4), (4, 4), (0, 0))).astype(np.uint8)
    assert metrics.share_as_asked(framed, labels, of_mnist) > 0.8


def test_those_in_the_package_are_small_and_beside_their_hash():
    paths = sorted(KEPT.glob("*.npz"))
    assert [path.stem for path in paths] == ["fashion_mnist", "mnist"]
    for path in paths:
        assert path.stat().st_size <= 200_000
        subprocess.run(["sha256sum", "-c", f"{path.name}.sha256"], cwd=KEPT, check=True)


def test_features_are_alive_and_lead_to_the_logits(of_mnist):
    pictures = np.random.default_rng(0).integers(0, 256, (300, 28, 28, 1), dtype=np.uint8)
    pictures[150:] = np.sort(pictures[150:], axis=1)
    found = metrics.features(pictures, of_mnist.features)
    assert found.shape == (300, 64)
    assert of_mnist.features.name == of_mnist.name == "mnist"
    kernel, bias = of_mnist.head.get_weights()
    logits = of_mnist.predict(pictures, verbose=0)
    np.testing.assert_allclose(found @ kernel + bias, logits, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="pictures must be uint8"):
        of_mnist.predict(pictures / 255.0, verbose=0)


def test_pictures_within_a_frame_and_of_other_levels(of_mnist):
    black_and_white = np.random.default_rng(0).integers(0, 2, (5, 32, 31, 1), dtype=np.uint8)
    prepared = of_mnist.prepare(black_and_white, levels=2)
    np.testing.assert_array_equal(prepared, 255 * black_and_white[:, 2:30, 1:29])
    grey = np.arange(17, dtype=np.uint8)[:, None, None, None] * np.ones((28, 28, 1), np.uint8)
    assert of_mnist.prepare(grey, levels=17)[[0, 8, 16], 0, 0, 0].tolist() == [0, 128, 255]
    for pictures in (black_and_white[:, :27], black_and_white[..., 0], grey.repeat(3, axis=3)):
        with pytest.raises(ValueError, match="pictures must have shape"):
            of_mnist.prepare(pictures)


def test_all_figures_of_a_classifier_in_one_call(of_mnist):
    """Of real pictures in the samples' place, the distances are their own floor."""
    rng = np.random.default_rng(0)
    train, test = rng.integers(0, 2, (2, 100, 32, 32, 1), dtype=np.uint8)
    labels = np.arange(60) % 10
    figures = metrics.classifier_figures(
        train[:60], test, of_mnist, labels=labels, train=train[:60], levels=2
    )
    share = metrics.share_as_asked(of_mnist.prepare(train[:60], 2), labels, of_mnist)
    assert figures["mnist_share_as_asked"] == (share, "of 1")
    assert "mnist_class_entropy" in figures
    for name in ("frechet_distance", "kernel_distance", "kernel_distance_error"):
        value, unit = figures[f"mnist_{name}"]
        floor, unit_of_floor = figures[f"mnist_{name}_floor"]
        assert value == pytest.approx(floor, rel=1e-4)
        assert unit == unit_of_floor
    without = metrics.classifier_figures(train[:60], test, of_mnist, levels=2)
    assert without.keys() == figures.keys() - {"mnist_share_as_asked"} - {
        name for name in figures if name.endswith("_floor")
    }


@pytest.mark.parametrize("damage", ["cut", "changed", "without its hash", "another file"])
def test_a_damaged_file_is_refused(damage, tmp_path):
    for end in ("", ".sha256"):
        shutil.copy(KEPT / f"mnist.npz{end}", tmp_path / f"mine.npz{end}")
    path, checksum = tmp_path / "mine.npz", tmp_path / "mine.npz.sha256"
    metrics.classifier(path)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "changed":
        path.write_bytes(content[:9000] + bytes([content[9000] ^ 1]) + content[9001:])
    elif damage == "without its hash":
        checksum.unlink()
    else:
        np.savez(path, np.zeros(3))
        subprocess.run(f"sha256sum mine.npz > {checksum}", shell=True, cwd=tmp_path, check=True)
    with pytest.raises(ValueError, match=r"mine.npz must be a whole file of train_classifier"):
        metrics.classifier(path)


def test_names_that_lead_nowhere():
    with pytest.raises(ValueError, match="classifier must be fashion_mnist, mnist, or the path"):
        metrics.classifier("cifar10")


def test_a_classifier_of_ones_own(tmp_path, monkeypatch, capsys):
    """By the command: of pictures that are dark or bright, it learns which."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    pictures = (rng.integers(0, 100, (400, 12, 8, 1)) + 150 * labels[:, None, None, None]).astype(
        np.uint8
    )
    np.savez(tmp_path / "a.npz", x_train=pictures, y_train=labels)
    output = tmp_path / "new" / "dark.npz"
    arguments = ["--data", f"npz:{tmp_path / 'a.npz'}", "--output", str(output), "--epochs", "30"]
    monkeypatch.setattr(sys, "argv", ["train_classifier", *arguments])
    sys.modules["keras_gen.metrics.train_classifier"].main()
    assert "dark.npz: 100.00% of test pictures" in capsys.readouterr().out
    model = metrics.classifier(output)
    assert (model.name, model.image_shape, model.num_classes) == ("dark", (12, 8, 1), 2)
    assert metrics.share_as_asked(pictures, labels, model) == 1.0
    # What a file holds is what it gives back.
    metrics.save_classifier(model, tmp_path / "again.npz")
    again = metrics.classifier(tmp_path / "again.npz")
    np.testing.assert_array_equal(
        model.predict(pictures, verbose=0), again.predict(pictures, verbose=0)
    )


def test_what_no_classifier_can_be_made_of(tmp_path):
    with pytest.raises(ValueError, match="data must be pictures of 256 levels with labels"):
        train_classifier("digits", tmp_path / "a.npz")  # of 17 levels
    with pytest.raises(ValueError, match=r"output must end in .npz"):
        train_classifier("digits", tmp_path / "a.keras")
    with pytest.raises(ValueError, match="image_shape must have sides of 8 or more"):
        metrics.PictureClassifier((28, 4, 1), 10)
    assert not [*tmp_path.iterdir()]
