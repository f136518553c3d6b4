"""DCGAN: the game's losses, its turns, the architecture at every size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import DCGAN, minimax, non_saturating

LOGITS = np.array([-3.0, -0.2, 0.0, 1.5], np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("loss", "generator"),
    [
        (minimax, lambda fake: np.log(1 - sigmoid(fake))),
        (non_saturating, lambda fake: -np.log(sigmoid(fake))),
    ],
    ids=["minimax", "non_saturating"],
)
def test_losses(loss, generator):
    real, fake = LOGITS, LOGITS[::-1].copy()
    discriminator_loss, generator_loss = loss(tf.constant(real), tf.constant(fake))
    expected = -np.log(sigmoid(real)) - np.log(1 - sigmoid(fake))
    np.testing.assert_allclose(discriminator_loss, expected, rtol=1e-5)
    np.testing.assert_allclose(generator_loss, generator(fake), rtol=1e-5)


def test_minimax_is_zero_sum_and_both_pull_the_generator_the_same_way():
    fake = tf.constant(LOGITS)
    gradients = []
    for loss in (minimax, non_saturating):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            _, generator_loss = loss(tf.zeros(4), fake)
        gradients.append(tape.gradient(generator_loss, fake))
    assert (gradients[0].numpy() < 0).all()
    assert (gradients[1].numpy() < 0).all()
    # Where the discriminator is sure, only the non-saturating loss still pulls.
    assert abs(gradients[0][0]) < 0.1 < 0.9 < abs(gradients[1][0])


@pytest.mark.parametrize(
    "image_shape",
    [(8, 8, 1), (9, 11, 3), (28, 28, 1), (32, 32, 3), (64, 48, 3), (128, 128, 1)],
    ids=str,
)
def test_every_size(image_shape):
    model = DCGAN(image_shape, filters=2, latent_dim=4, num_classes=3)
    images = model.sample(2, labels=[0, 2], seed=0)
    assert images.shape == (2, *image_shape)
    logits = model.discriminate(model.to_unit(images), tf.constant([0, 2]))
    assert logits.shape == (2,)


def test_the_papers_rules():
    model = DCGAN((64, 64, 3), filters=2)
    layers = [*model.generator.layers, *model.discriminator.layers]
    kinds = {type(layer).__name__ for layer in layers}
    assert not kinds & {"Dense", "MaxPooling2D", "UpSampling2D"}
    convolutions = [
        layer
        for layer in layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose))
    ]
    # 4 -> 64 takes four doublings; the first and the last convolution change no scale.
    assert [layer.strides[0] for layer in convolutions] == [1, 2, 2, 2, 2, 2, 2, 2, 2, 1]
    normalized = [isinstance(layer, keras.layers.BatchNormalization) for layer in layers]
    assert sum(normalized) == 4 + 3  # all but the generator's last, the discriminator's ends


def small(**options):
    model = DCGAN((8, 8, 1), filters=4, latent_dim=4, seed=0, **options)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    return model


def test_k_discriminator_steps_for_one_of_the_generator():
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)
    model = small(discriminator_steps=3)
    model.fit(images, batch_size=4, epochs=2, verbose=0)
    assert int(model.generator_optimizer.iterations) == 6
    assert int(model.discriminator_optimizer.iterations) == 18


def test_each_player_moves_its_own_weights():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    for frozen, moving in (("generator", "discriminator"), ("discriminator", "generator")):
        model = small()
        getattr(model, f"{frozen}_optimizer").learning_rate = 0.0
        before = {
            name: [w.numpy() for w in getattr(model, name).trainable_weights]
            for name in (frozen, moving)
        }
        model.fit(images, verbose=0)
        for name, moved in ((frozen, False), (moving, True)):
            after = getattr(model, name).trainable_weights
            assert any((x != y).any() for x, y in zip(before[name], after, strict=True)) == moved


def test_other_losses_are_saved(tmp_path):
    model = small(adversarial_loss=minimax, discriminator_steps=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.adversarial_loss is minimax
    assert loaded.discriminator_steps == 2


def test_interpolation_starts_and_ends_where_told():
    model = small()
    ends = model.prior(2, seed=0)
    walk = model.interpolate(ends[:1], ends[1:], num_steps=5)
    np.testing.assert_array_equal(walk[0, [0, -1]], model.decode(ends))
    np.testing.assert_array_equal(model.decode(ends), model.sample(2, seed=0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: DCGAN((4, 8, 1)),
            r"image_shape must have sides of 8 to 128, received \(4, 8, 1\)",
        ),
        (lambda: small(discriminator_steps=0), "discriminator_steps must be at least 1"),
        (lambda: small().decode(np.zeros((2, 5))), r"latents must have shape \[n, 4\]"),
        (
            lambda: DCGAN((8, 8, 1)).compile(*[keras.optimizers.Adam()] * 2),
            "discriminator_optimizer must be another object",
        ),
    ],
    ids=["size", "steps", "latents", "optimizers"],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
