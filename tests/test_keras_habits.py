"""What users of Keras do out of habit: it works, or is refused in a sentence before training."""

import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen.adversarial.dcgan import DCGAN
from keras_gen.autoencoders.vae import VAE
from keras_gen.autoregressive.char_rnn import CharRNN
from keras_gen.autoregressive.made import MADE
from keras_gen.autoregressive.pixel_cnn import PixelCNN
from keras_gen.autoregressive.wavenet import WaveNet

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 2, (16, 4, 4, 1), dtype=np.uint8)
LARGER = RNG.integers(0, 2, (16, 8, 8, 1), dtype=np.uint8)  # as small as DCGAN has them
LABELS = RNG.integers(0, 3, 16, dtype=np.int32)


def pixel_cnn(**options):
    model = PixelCNN((4, 4, 1), 2, filters=4, num_blocks=1, seed=0, **options)
    model.compile()
    return model


def vae(**options):
    model = VAE((4, 4, 1), 2, latent_dim=2, filters=(4,), hidden_units=4, seed=0, **options)
    model.compile()
    return model


def dcgan():
    return DCGAN((8, 8, 1), 2, filters=4, latent_dim=2, seed=0)


def dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(4)


def test_another_backend_is_refused_at_import():
    process = subprocess.run(
        [sys.executable, "-c", "import keras_gen"],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    message = process.stderr.splitlines()[-1]
    assert message.startswith("ImportError: keras_gen needs Keras on TensorFlow")
    assert "received 'jax'" in message


class TestData:
    def test_bools_are_levels(self):
        model = pixel_cnn()
        model.fit(dataset(IMAGES.astype(bool)), verbose=0)
        model.fit(IMAGES.astype(bool), verbose=0)
        expected = model.log_prob(IMAGES)
        np.testing.assert_array_equal(model.log_prob(IMAGES.astype(bool)), expected)
        predicted = model.predict(IMAGES.astype(bool), verbose=0)
        np.testing.assert_allclose(predicted, expected, rtol=1e-5)

    @pytest.mark.parametrize(
        "use",
        [
            lambda model, x: model.fit(x, verbose=0),
            lambda model, x: model.fit(dataset(x), verbose=0),
            lambda model, x: model.evaluate(x, verbose=0),
            lambda model, x: model.log_prob(x),
            lambda model, x: model(x),
            lambda model, x: model.predict(x, verbose=0),
        ],
        ids=["fit", "dataset", "evaluate", "log_prob", "call", "predict"],
    )
    def test_floats_are_refused_with_a_hint(self, use):
        with pytest.raises(ValueError, match="stored, the model scales them by itself"):
            use(pixel_cnn(), IMAGES / np.float32(2))

    def test_a_dict_of_x_and_labels(self):
        batches = dataset({"x": IMAGES, "labels": LABELS})
        assert "nll" in pixel_cnn(num_classes=3).fit(batches, verbose=0).history
        arrays = {"x": IMAGES, "labels": LABELS}
        assert "nll" in pixel_cnn(num_classes=3).fit(arrays, verbose=0).history

    def test_labels_of_a_shape_that_nobody_knows_are_ignored(self):
        def batches():
            yield IMAGES[:4], LABELS[:4]

        shapes = (tf.TensorSpec([None, 4, 4, 1], tf.uint8), tf.TensorSpec(None, tf.int32))
        unknown = tf.data.Dataset.from_generator(batches, output_signature=shapes)
        assert "nll" in pixel_cnn().fit(unknown, verbose=0).history

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({}, "x must be given: stored data, or a dataset of it"),
            ({"x": [IMAGES]}, "x must be an array or a dataset, received a list of 1"),
            ({"x": {"image": IMAGES}}, "or a dict with x in it, received a dict of image"),
            ({"x": dataset({"image": IMAGES, "label": LABELS})}, "received a dict of image, label"),
            ({"x": IMAGES[:0]}, "x must have at least one example, received none"),
            ({"x": IMAGES, "y": IMAGES}, r"labels must have shape \[n\], received \[16, 4, 4, 1\]"),
            ({"x": dataset(IMAGES, IMAGES)}, r"labels must have shape \[n\], received \[None, 4"),
            ({"x": IMAGES, "y": LABELS.tolist()}, "Unrecognized data type"),
            ({"x": IMAGES, "sample_weight": np.ones(16)}, "sample_weight must be None"),
            ({"x": IMAGES, "class_weight": {0: 1.0}}, "class_weight must be None"),
            ({"x": dataset(IMAGES, LABELS, LABELS)}, "sample_weight must be None"),
        ],
        ids=lambda value: "" if isinstance(value, dict) else value[:40],
    )
    def test_what_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            pixel_cnn().fit(**arguments, verbose=0)

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (LABELS + 1, r"labels must be integers \[n\] in \[0, 2\], received values from 1 to 3"),
            (LABELS + 0.5, "labels must be integers .* received dtype float64"),
            (LABELS[:5], r"labels must be as many as the 16 examples, received shape \[5\]"),
            (None, r"labels must be given: a batch of PixelCNN must be \(x, labels\)"),
        ],
        ids=["range", "kind", "count", "none"],
    )
    def test_labels_are_checked_before_the_first_step(self, labels, message):
        model = pixel_cnn(num_classes=3)
        with pytest.raises(ValueError, match=message):
            model.fit(IMAGES, labels, batch_size=4, verbose=0)
        with pytest.raises(ValueError, match=f"validation_data: {message}"):
            model.fit(IMAGES, LABELS, validation_data=(IMAGES, labels), verbose=0)
        assert int(model.steps) == 0

    @pytest.mark.parametrize("held_out", [IMAGES[:, :2], dataset(IMAGES[:, :2])])
    def test_validation_data_are_checked_before_the_first_step(self, held_out):
        model = pixel_cnn()
        message = r"validation_data: x must have shape \[n, 4, 4, 1\], received \[.*, 2, 4, 1\]"
        with pytest.raises(ValueError, match=message):
            model.fit(IMAGES, validation_data=held_out, verbose=0)
        assert int(model.steps) == 0


class TestTraining:
    def test_positions_are_those_of_keras(self):
        model = pixel_cnn()
        assert model.fit(IMAGES, None, 8, 2, 0).epoch == [0, 1]
        assert len(model.evaluate(IMAGES, None, 8, 0)) == len(model.terms)
        gan = dcgan()
        gan.compile()
        assert gan.fit(LARGER, None, 8, 2, 0).epoch == [0, 1]

    def test_callbacks_may_leave_out_the_direction(self, tmp_path):
        callbacks = [
            keras.callbacks.EarlyStopping("val_nll"),
            keras.callbacks.ReduceLROnPlateau("val_bits_per_dim"),
            keras.callbacks.ModelCheckpoint(
                tmp_path / "best.keras", monitor="nll", save_best_only=True
            ),
        ]
        pixel_cnn().fit(IMAGES, validation_data=IMAGES, callbacks=callbacks, verbose=0)
        assert (tmp_path / "best.keras").exists()

    def test_a_worse_epoch_stops_early(self):
        model = pixel_cnn()
        stopping = keras.callbacks.EarlyStopping("nll", patience=0)
        rates = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 if epoch == 0 else 10.0)
        history = model.fit(IMAGES, epochs=9, callbacks=[rates, stopping], verbose=0)
        assert len(history.epoch) < 9

    @pytest.mark.parametrize(
        ("build", "images"), [(pixel_cnn, IMAGES), (vae, IMAGES), (dcgan, LARGER)]
    )
    def test_what_is_frozen_stays(self, build, images):
        model = build()
        model.trainable = False
        model.compile()
        before = model.get_weights()
        with pytest.warns(UserWarning, match="does not have any trainable weights"):
            history = model.fit(images, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        stays = {weight.path for weight in model.weights if "moving" not in weight.path}
        for weight, old in zip(model.weights, before, strict=True):
            if weight.path in stays and weight.name != "steps":
                np.testing.assert_array_equal(weight, old)

    def test_one_player_frozen(self):
        model = dcgan()
        model.discriminator.trainable = False
        model.compile()
        before = [network.get_weights()[0] for network in (model.generator, model.discriminator)]
        with pytest.warns(UserWarning, match="does not have any trainable weights"):
            model.fit(LARGER, verbose=0)
        assert (model.generator.get_weights()[0] != before[0]).any()
        np.testing.assert_array_equal(model.discriminator.get_weights()[0], before[1])

    def test_penalties_are_reported_in_the_loss(self):
        layers = keras.layers
        dense = layers.Dense(4, kernel_regularizer=keras.regularizers.L2(10.0))
        model = vae(encoder=keras.Sequential([layers.Flatten(), dense]))
        scores = model.evaluate(IMAGES, verbose=0, return_dict=True)
        penalty = 10.0 * np.sum(np.square(dense.kernel))
        assert scores["loss"] == pytest.approx(scores["negative_elbo"] + penalty, rel=1e-5)
        history = model.fit(IMAGES, batch_size=16, verbose=0).history
        excess = history["loss"][0] - history["negative_elbo"][0]
        assert excess == pytest.approx(penalty, rel=1e-4)

    @pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm", "clipvalue"])
    def test_replicas_clip_the_sum_of_their_gradients(self, limit, two_replicas):
        moved = []
        for strategy in (tf.distribute.get_strategy(), two_replicas):
            with strategy.scope():
                keras.utils.set_random_seed(0)
                model = pixel_cnn()
                model.compile(keras.optimizers.SGD(1.0, **{limit: 1e-2}))
            before = [weight.numpy() for weight in model.trainable_variables]
            model.fit(IMAGES, batch_size=16, shuffle=False, verbose=0)
            pairs = zip(model.trainable_variables, before, strict=True)
            moved.append(np.concatenate([(weight - old).numpy().ravel() for weight, old in pairs]))
        assert np.abs(moved[0]).max() > 1e-3
        np.testing.assert_allclose(*moved, atol=1e-6)


class Encoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(4)

    def call(self, x):
        return self.dense(self.flatten(x))


class TestConstructors:
    @pytest.mark.parametrize(
        "encoder",
        [
            Encoder(),
            keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)]),
        ],
        ids=["subclassed", "sequential"],
    )
    def test_networks_are_built_by_a_call(self, encoder):
        model = vae(encoder=encoder)
        assert len(encoder.weights) == 2
        model.fit(IMAGES, verbose=0)

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda: vae(encoder=3), "encoder must be a Keras model, received 3"),
            (lambda: vae(likelihood=3), r"likelihood must be an object such as .* received 3"),
            (
                lambda: VAE((4, 4, 1), 2, filters=None),
                "filters must be whole numbers of at least 1, such as",
            ),
            (
                lambda: pixel_cnn(average_decay="a"),
                r"average_decay must be in \(0, 1\), received 'a'",
            ),
            (lambda: pixel_cnn(likelihood=3), r"likelihood must be an object such as"),
            (lambda: pixel_cnn(dtype="float64"), "dtype must be float32, mixed_bfloat16 or"),
            (lambda: pixel_cnn(dtype="float16"), "received float16"),
            (lambda: PixelCNN((4, 4, 1), 2, seed=1.7), "seed must be an integer, received 1.7"),
            (lambda: pixel_cnn(head_filters=0), "head_filters must be at least 1, received 0"),
            (lambda: pixel_cnn().sample(2, seed=1.7), "seed must be an integer, received 1.7"),
            (lambda: pixel_cnn().compile("adam", "mse"), "loss must not be given: PixelCNN brings"),
            (lambda: pixel_cnn().sample(4, temprature=0.5), "did you mean temperature?"),
            (lambda: pixel_cnn().log_prob(IMAGES[:0]), "at least one example, received none"),
        ],
        ids=lambda value: re.sub(r"\W+", " ", value) if isinstance(value, str) else "",
    )
    def test_what_is_refused(self, build, message):
        with pytest.raises(ValueError, match=message):
            build()

    def test_a_seed_may_be_any_integer(self):
        samples = [MADE((2, 2, 1), 2, hidden_units=(4,), seed=-1).sample(2, seed=-1)]
        assert samples[0].shape == (2, 2, 2, 1)

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
    def test_calls_in_half_precision(self, policy):
        images, options = IMAGES[:, :2, :2], {"hidden_units": (4,), "num_classes": 3}
        model = MADE((2, 2, 1), 2, dtype=policy, **options)
        expected = model.log_prob(images, LABELS)
        given = {"x": images, "labels": LABELS}
        np.testing.assert_allclose(model(given), expected, rtol=1e-2)
        np.testing.assert_allclose(model.predict(given, verbose=0), expected, rtol=1e-2)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_floats_that_are_not_finite_are_refused_in_datasets_too(self, value):
        model = WaveNet(
            4, 8000, filters=2, skip_filters=2, num_blocks=1, layers_per_block=1, local_channels=1
        )
        model.compile()
        sounds, local = np.zeros((4, 4), np.float32), np.full((4, 4, 1), value, np.float32)
        with pytest.raises(tf.errors.InvalidArgumentError, match="local must be floats"):
            model.fit(dataset(sounds, {"local": local}), verbose=0)

    def test_sequences_of_no_length_are_refused(self):
        model = CharRNN("ab ", length=4, units=4, embedding_dim=2)
        with pytest.raises(ValueError, match="x must have no empty axis"):
            model.log_prob(np.zeros((2, 0), np.int32))

    def test_text_is_given_as_code_points(self):
        model = CharRNN("ab ", length=4, units=4, embedding_dim=2)
        with pytest.raises(ValueError, match=r"give code points, which model.format.code_points"):
            model.log_prob(np.array(["ab a", "bb a"]))
