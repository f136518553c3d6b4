"""Samples measured in training: figures in the logs, seen by who comes after."""

import csv

import keras
import numpy as np
import pytest

from keras_gen import GAN, metrics
from keras_gen.callbacks import HistoryFile, SampleMeasure

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((24, 2)).astype(np.float32)
LABELS = RNG.integers(0, 3, 24).astype(np.int32)


def gan(**options):
    keras.utils.set_random_seed(0)
    model = GAN(2, latent_dim=2, units=(8,), penalties=(), average_decay=None, seed=0, **options)
    model.compile()
    return model


def fit(model, callbacks, epochs=3, y=None):
    return model.fit(POINTS, y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks).history


class Scripted:
    """A measure that finds what it was told to find, and keeps what it saw."""

    def __init__(self, *values):
        self.values = list(values)
        self.samples = []

    def __call__(self, samples):
        self.samples.append(samples)
        return {"distance": (self.values.pop(0), "of a script"), "mean": samples.mean()}


def test_keras_keeps_the_best_model_by_a_figure(tmp_path):
    weights = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: weights.append(model.get_weights())
    )
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="distance", mode="min", save_best_only=True
    )
    model, measure = gan(), Scripted(3.0, 1.0, 2.0)
    file = HistoryFile(tmp_path / "history.csv")
    history = fit(model, [SampleMeasure(measure, num_samples=50), file, best, keep])
    assert history["distance"] == [3.0, 1.0, 2.0]
    assert history["mean"] == [float(samples.mean()) for samples in measure.samples]
    with open(tmp_path / "history.csv", newline="") as rows:
        assert [float(row["distance"]) for row in csv.DictReader(rows)] == [3.0, 1.0, 2.0]
    kept = keras.models.load_model(tmp_path / "best.keras")
    for a, b in zip(kept.get_weights(), weights[1], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(kept.sample(50, seed=0), measure.samples[1])


def test_distances_are_minimised_without_being_told(tmp_path):
    eyes = keras.Sequential([keras.Input((2,)), keras.layers.Flatten()], name="eyes")
    distances = metrics.FeatureDistances(POINTS, eyes)
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="eyes_kernel_distance", save_best_only=True
    )
    history = fit(gan(), [SampleMeasure(distances, num_samples=50), best])
    assert best.best == min(history["eyes_kernel_distance"])
    assert len(set(history["eyes_kernel_distance"])) == 3
    kept = keras.models.load_model(tmp_path / "best.keras").sample(50, seed=0)
    assert best.best == pytest.approx(distances(kept)["eyes_kernel_distance"][0])


def test_training_ends_where_a_figure_no_longer_falls():
    stop = keras.callbacks.EarlyStopping("distance", patience=1, mode="min")
    history = fit(gan(), [SampleMeasure(Scripted(2.0, 3.0, 1.0)), stop])
    assert history["distance"] == [2.0, 3.0]


def test_epochs_that_are_measured():
    measure = Scripted(5.0, 4.0, 3.0)
    seen = []
    see = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(logs.get("distance"))
    )
    fit(gan(), [SampleMeasure(measure, every=2, num_samples=7), see], epochs=5)
    assert seen == [None, 5.0, None, 4.0, 3.0]  # the last epoch always
    assert {len(samples) for samples in measure.samples} == {7}


def test_measuring_leaves_training_as_it_is():
    measured, plain = gan(), gan()
    fit(measured, [SampleMeasure(Scripted(1.0, 1.0, 1.0))])
    fit(plain, [])
    for a, b in zip(measured.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_conditions_of_held_out_data():
    measure = Scripted(1.0)
    model = gan(num_classes=3)
    callback = SampleMeasure(measure, num_samples=10, seed=4, labels=LABELS, truncation=0.5)
    fit(model, [callback], epochs=1, y=LABELS)
    expected = model.sample(10, seed=4, labels=LABELS[:10], truncation=0.5)
    np.testing.assert_array_equal(measure.samples[0], expected)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "labels must be given"),
        ({"labels": LABELS + 1}, "labels must be in"),
        ({"labels": LABELS, "top_k": 3}, "top_k"),
    ],
)
def test_conditions_are_looked_at_before_training(inputs, message):
    model = gan(num_classes=3)
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        fit(model, [SampleMeasure(Scripted(1.0), num_samples=10, **inputs)], y=LABELS)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_cannot_be_measured():
    with pytest.raises(ValueError, match="labels must be at least 25, one a sample, received 24"):
        SampleMeasure(Scripted(), num_samples=25, labels=LABELS)
    with pytest.raises(ValueError, match="every must be at least 1"):
        SampleMeasure(Scripted(), every=0)
    with pytest.raises(ValueError, match="measure must give names that are no terms, received dis"):
        fit(gan(), [SampleMeasure(Scripted(1.0)), SampleMeasure(Scripted(1.0))])
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="SampleMeasure needs a model that draws samples"):
        model.fit(POINTS, POINTS, verbose=0, callbacks=[SampleMeasure(Scripted())])
