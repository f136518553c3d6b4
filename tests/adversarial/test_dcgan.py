"""DCGAN: the turns of the game, the architecture at every size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import DCGAN, DRAGAN, Minimax, NonSaturating, RelativisticPaired


@pytest.mark.parametrize(
    "image_shape",
    [(8, 8, 1), (9, 11, 3), (28, 28, 1), (32, 32, 3), (64, 48, 3), (128, 128, 1)],
    ids=str,
)
def test_every_size(image_shape):
    model = DCGAN(image_shape, filters=2, latent_dim=4, num_classes=3)
    images = model.sample(2, labels=[0, 2], seed=0)
    assert images.shape == (2, *image_shape)
    labels = {"labels": tf.constant([0, 2])}
    logits = model.discriminate(model.format.to_unit(images), labels, False)
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
    # 4 -> 64 takes four doublings; the first convolution changes no scale, and a discriminator's
    # last one is its judgement.
    assert [layer.strides[0] for layer in convolutions] == [1, 2, 2, 2, 2, 2, 2, 2, 2]
    normalized = [isinstance(layer, keras.layers.BatchNormalization) for layer in layers]
    assert sum(normalized) == 4 + 3  # all but the generator's last, the discriminator's ends


def test_normalisation_of_the_discriminator():
    kinds = {
        kind: {type(layer).__name__ for layer in model.discriminator.layers}
        for kind in ("batch", "layer", None)
        for model in [DCGAN((16, 16, 1), filters=2, discriminator_normalization=kind)]
    }
    assert "BatchNormalization" in kinds["batch"]
    assert "LayerNormalization" in kinds["layer"] - kinds["batch"]
    assert not {"BatchNormalization", "LayerNormalization"} & kinds[None]


def test_without_batch_normalisation_examples_are_alone():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    for kind, alone in (("batch", False), ("layer", True), (None, True)):
        model = small(discriminator_normalization=kind, image_shape=(16, 16, 1))
        real = model.format.to_unit(np.repeat(np.repeat(images, 2, axis=1), 2, axis=2))
        whole, part = (model.discriminate(x, {}, True) for x in (real, real[:2]))
        assert np.allclose(whole[:2], part, atol=1e-5) == alone


IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)


def small(image_shape=(8, 8, 1), **options):
    model = DCGAN(image_shape, **({"filters": 4, "latent_dim": 4, "seed": 0} | options))
    model.compile(keras.optimizers.SGD(0.1))
    return model


def test_k_discriminator_steps_for_one_of_the_generator():
    model = small(discriminator_steps=3)
    model.fit(IMAGES, batch_size=6, epochs=2, verbose=0)
    assert int(model.optimizer.generator.iterations) == 4
    assert int(model.optimizer.discriminator.iterations) == 12
    assert int(model.steps) == 4


def test_each_discriminator_step_has_data_and_noise_of_its_own():
    seen = []

    class Spying(DCGAN):
        def discriminator_terms(self, play):
            seen.append((play.x.numpy(), play.fake.numpy()))
            return {}

    model = Spying((8, 8, 1), filters=2, latent_dim=4, discriminator_steps=3, seed=0)
    model.compile(run_eagerly=True)
    model.fit(IMAGES[:6], batch_size=6, shuffle=False, verbose=0)
    # Example i of the batch belongs to step i mod 3.
    for step, (x, fake) in enumerate(seen):
        np.testing.assert_array_equal(x, IMAGES[step:6:3])
        assert len(fake) == 2
    assert len(np.unique([fake.sum() for _, fake in seen])) == 3


def test_a_last_batch_smaller_than_the_steps_trains():
    model = small(discriminator_steps=5)
    model.fit(np.repeat(IMAGES, 2, axis=0)[:11], batch_size=10, verbose=0)
    assert int(model.optimizer.discriminator.iterations) == 10


def test_a_rate_may_begin_at_zero():
    model = small()
    warm_up = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * epoch)
    model.fit(IMAGES, epochs=3, verbose=0, callbacks=[warm_up])
    rates = [float(player.learning_rate) for player in model.optimizer.players]
    assert rates == pytest.approx([0.2, 0.2])


def test_two_kinds_of_averages_are_refused():
    with pytest.raises(ValueError, match="use_ema must be off"):
        small(average_decay=0.9).compile(keras.optimizers.Adam(use_ema=True))


def test_a_batch_that_the_steps_cannot_share_is_refused():
    model = small(discriminator_steps=5)
    before = model.get_weights()
    with pytest.raises(ValueError, match="batch_size must be a multiple of discriminator_steps=5"):
        model.fit(IMAGES, batch_size=12, verbose=0)
    for x, y in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_generator_sees_real_data_only_where_its_loss_does():
    for loss, looks in ((RelativisticPaired(), 4), (NonSaturating(), 3)):
        count = []

        class Counting(DCGAN):
            def discriminate(self, data, conditions, training, count=count):
                count.append(1)
                return super().discriminate(data, conditions, training)

        model = Counting((8, 8, 1), filters=2, latent_dim=4, adversarial_loss=loss)
        model.compile(run_eagerly=True)
        history = model.fit(IMAGES, batch_size=12, verbose=0).history
        assert len(count) == looks
        assert np.isfinite(history["generator_loss"]).all()


def test_one_optimizer_serves_both_players():
    model = DCGAN((8, 8, 1), filters=2)
    model.compile("adam")
    rates = [float(player.learning_rate) for player in model.optimizer.players]
    assert rates == pytest.approx([1e-3, 1e-3])
    model.compile(discriminator_optimizer=keras.optimizers.Adam(4e-4))
    assert float(model.optimizer.generator.learning_rate) == pytest.approx(2e-4)
    assert float(model.optimizer.discriminator.learning_rate) == pytest.approx(4e-4)
    # What Keras's callbacks set reaches both, in proportion.
    model.optimizer.learning_rate = 1e-4
    assert float(model.optimizer.discriminator.learning_rate) == pytest.approx(2e-4)


def test_callbacks_of_keras_reach_both_players():
    model = small()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    model.fit(IMAGES, epochs=2, verbose=0, callbacks=[schedule])
    rates = [float(player.learning_rate) for player in model.optimizer.players]
    assert rates == pytest.approx([0.025, 0.025])


def test_each_player_moves_its_own_weights():
    for frozen, moving in (("generator", "discriminator"), ("discriminator", "generator")):
        model = small()
        getattr(model.optimizer, frozen).learning_rate = 0.0
        before = {
            name: [w.numpy() for w in getattr(model, name).trainable_weights]
            for name in (frozen, moving)
        }
        model.fit(IMAGES, verbose=0)
        for name, moved in ((frozen, False), (moving, True)):
            after = getattr(model, name).trainable_weights
            assert any((x != y).any() for x, y in zip(before[name], after, strict=True)) == moved


def test_other_losses_are_saved(tmp_path):
    penalties = [DRAGAN(3.0, scale=0.1)]
    model = small(adversarial_loss=Minimax(), discriminator_steps=2, penalties=penalties)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.adversarial_loss == Minimax()
    assert loaded.discriminator_steps == 2
    assert loaded.penalties == penalties


def test_interpolation_starts_and_ends_at_its_ends():
    model = small()
    ends = model.draw_latents(2, seed=0)
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
            lambda: DCGAN((8, 8, 1)).compile(
                **dict.fromkeys(
                    ("generator_optimizer", "discriminator_optimizer"), keras.optimizers.Adam()
                )
            ),
            "discriminator_optimizer must be another object",
        ),
        (
            lambda: DCGAN((8, 8, 1), adversarial_loss="hinge"),
            "adversarial_loss must be an object such as NonSaturating()",
        ),
        (
            lambda: DCGAN((8, 8, 1), discriminator_normalization="group"),
            "discriminator_normalization must be one of auto, batch, layer and None",
        ),
    ],
    ids=["size", "steps", "latents", "optimizers", "loss", "normalization"],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
