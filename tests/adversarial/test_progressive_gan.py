"""ProgressiveGAN: how it grows, what fades, what learns when, and going on within a fade."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import R1, GradientPenalty, NonSaturating, ProgressiveGAN, Wasserstein

IMAGES = np.random.default_rng(0).integers(0, 256, (96, 16, 16, 1), dtype=np.uint8)
CORNERS = IMAGES[:, :8, :8]


def small(image_shape=(16, 16, 1), **options):
    keras.utils.set_random_seed(0)
    sizes = {"filters": 2, "latent_dim": 4, "stable_images": 16, "fade_images": 32, "seed": 0}
    return ProgressiveGAN(image_shape, **(sizes | options))


def at(model, phase, images):
    """The model in a phase, after so many pictures."""
    model.phase_entered.assign(phase)
    model.images_seen.assign(images)
    return model


def perturbed(**options):
    """A model whose weights have left their start."""
    model = small(**options)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.3 * rng.standard_normal(weight.shape))
    return model


def trained(batches, **options):
    model = small((8, 8, 1), **options)
    model.compile()
    model.fit(CORNERS[: 8 * batches], batch_size=8, shuffle=False, verbose=0)
    return model


# ---- sizes and phases ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image_shape", "smallest", "doublings"),
    [
        ((28, 28, 1), (7, 7), 2),
        ((32, 32, 3), (4, 4), 3),
        ((64, 64, 1), (4, 4), 4),
        ((64, 48, 3), (8, 6), 3),
        ((12, 8, 2), (6, 4), 1),
    ],
    ids=str,
)
def test_every_size_in_every_phase(image_shape, smallest, doublings):
    model = small(image_shape)
    assert model.generator.smallest == smallest
    assert model.num_doublings == doublings
    for phase in (0, 1, 2 * doublings):
        at(model, phase, model.phase_begins()[phase])
        side = 2 ** ((phase + 1) // 2)
        seen = model.real(tf.zeros((2, *image_shape), tf.uint8), {})
        made = model.from_latents(tf.ones((2, 4)), {})
        assert seen.shape[1:] == made.shape[1:]
        assert tuple(seen.shape[1:3]) == (smallest[0] * side, smallest[1] * side)
        assert model.discriminate(seen, {}, False).shape == (2,)
        assert model.sample(2, seed=0).shape == (2, *image_shape)


def test_phases_are_counted_in_pictures():
    model = small(stable_images=10, fade_images=5)
    assert model.phase_begins() == [0, 10, 15, 25, 30]
    assert [model.phase_at(n) for n in (0, 9, 10, 14, 15, 24, 25, 30, 10**9)] == [
        *(0, 0, 1, 1, 2, 2, 3, 4, 4)
    ]
    # Without a fade new layers are there at once.
    assert small(stable_images=10, fade_images=0).phase_at(10) == 2


@pytest.mark.parametrize("discriminator_steps", [1, 2])
def test_pictures_seen_are_those_of_all_batches(discriminator_steps):
    model = trained(3, discriminator_steps=discriminator_steps)
    assert int(model.images_seen) == 24
    model.fit(CORNERS[:12], batch_size=8, verbose=0)
    assert int(model.images_seen) == 36


# ---- the fade ------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [1, 3])
def test_the_fade_at_0_and_1_is_the_smaller_and_the_larger_network(phase):
    model = perturbed()
    begin = model.phase_begins()[phase]
    rng = np.random.default_rng(1)
    latents = tf.constant(rng.standard_normal((3, 4)), tf.float32)
    side = 4 * 2 ** ((phase + 1) // 2)
    pictures = tf.constant(rng.standard_normal((3, side, side, 1)), tf.float32)
    halved = pictures.numpy().reshape(3, side // 2, 2, side // 2, 2, 1).mean(axis=(2, 4))
    x = tf.constant(IMAGES[:3])

    def doubled(pictures):
        return np.array(pictures).repeat(2, axis=1).repeat(2, axis=2)

    def looked_at(phase, images, pictures):
        at(model, phase, images)
        judged = model.discriminate(tf.convert_to_tensor(pictures), {}, False)
        return model.from_latents(latents, {}), judged, model.real(x, {})

    smaller = looked_at(phase - 1, begin, halved)
    at_0 = looked_at(phase, begin, pictures)
    np.testing.assert_allclose(at_0[0], doubled(smaller[0]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(at_0[1], smaller[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(at_0[2], doubled(smaller[2]), rtol=1e-4, atol=1e-5)

    at_1 = looked_at(phase, begin + 32, pictures)
    larger = looked_at(phase + 1, begin + 32, pictures)
    half = looked_at(phase, begin + 16, pictures)
    for of_half, first, last, expected in zip(half, at_0, at_1, larger, strict=True):
        np.testing.assert_allclose(last, expected, rtol=1e-4, atol=1e-5)
        assert np.abs(first - last).max() > 1e-2
        assert np.abs(of_half - first).max() > 1e-3
    # Pictures are the mean of both; of a discriminator only its first features are.
    for i in (0, 2):
        np.testing.assert_allclose(half[i], (at_0[i] + at_1[i]) / 2, rtol=1e-4, atol=1e-5)


def test_samples_of_a_smaller_phase_are_enlarged():
    model = at(perturbed(), 2, 48)
    samples = model.sample(2, seed=0)
    coarse = samples[:, ::2, ::2]
    np.testing.assert_array_equal(samples, coarse.repeat(2, axis=1).repeat(2, axis=2))
    assert (coarse != coarse[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)).any()


# ---- learns --------------------------------------------------------------------------------------


def test_each_phase_trains_only_its_own_weights():
    model = small((8, 8, 1), stable_images=8, fade_images=16)
    model.compile()
    everything = model.trainable_variables

    def learned_in(batches):
        before = [np.array(weight) for weight in everything]
        model.fit(CORNERS[: 8 * batches], batch_size=8, verbose=0)
        return {
            weight.path
            for weight, old in zip(everything, before, strict=True)
            if (np.array(weight) != old).any()
        }

    assert len({weight.path for weight in everything}) == len(everything)
    phases = [{weight.path for weight in model.phase_weights(phase)} for phase in range(3)]
    assert phases[0] < phases[1]
    assert phases[2] < phases[1]
    assert phases[0] | phases[2] == phases[1] == {weight.path for weight in everything}
    assert learned_in(1) == phases[0]
    assert learned_in(2) == phases[1]
    assert learned_in(1) == phases[2]
    assert model.phase == 2


def state(model):
    return [np.array(value) for value in (*model.weights, *model.optimizer.variables)]


@pytest.fixture(scope="module")
def uninterrupted():
    return trained(8)


# The fade takes the steps 3 to 6, and the end is in the next size.
@pytest.mark.parametrize("stop", [4, 6])
def test_stopped_in_the_fade_and_at_its_end_it_goes_on_as_if_it_had_not(
    uninterrupted, stop, tmp_path
):
    stopped = trained(stop)
    assert stopped.phase == 1
    stopped.save(tmp_path / "model.keras")
    resumed = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(resumed.sample(2, seed=0), stopped.sample(2, seed=0))
    resumed.fit(CORNERS[8 * stop : 64], batch_size=8, shuffle=False, verbose=0)
    assert resumed.phase == uninterrupted.phase == 2
    for x, y in zip(state(resumed), state(uninterrupted), strict=True):
        np.testing.assert_array_equal(x, y)


# ---- the objective -------------------------------------------------------------------------------


def test_the_papers_choices():
    model = small()
    assert model.adversarial_loss == Wasserstein()
    assert model.penalties == [GradientPenalty(10.0)]
    assert model.drift == 0.001
    other = small(adversarial_loss=NonSaturating(), penalties=[R1(10.0)])
    assert other.penalties == [R1(10.0)]
    assert other.drift == 0.0
    assert small(adversarial_loss=NonSaturating()).penalties == []


def test_the_drift_is_the_square_of_what_is_said_of_real_pictures():
    terms = perturbed(drift=0.5).objective(tf.constant(IMAGES[:4]), {}, False)
    without = perturbed(drift=0.0).objective(tf.constant(IMAGES[:4]), {}, False)
    model = perturbed()
    said = model.discriminate(model.real(tf.constant(IMAGES[:4]), {}), {}, False)
    np.testing.assert_allclose(terms["drift"], 0.5 * said**2, rtol=1e-5)
    difference = terms["discriminator_loss"] - without["discriminator_loss"]
    np.testing.assert_allclose(difference, terms["drift"], rtol=1e-3, atol=1e-5)


def test_latents_lie_on_a_sphere_and_truncation_leaves_it():
    model = perturbed(average_decay=None)  # the average is still the start
    latents = model.draw_latents(50, seed=0)
    np.testing.assert_allclose(np.mean(latents**2, axis=1), 1.0, rtol=1e-4)
    same = model.sample(5, seed=0, truncation=0.0)
    np.testing.assert_array_equal(same, np.repeat(same[:1], 5, axis=0))
    assert (model.sample(5, seed=0, truncation=0.5) != model.sample(5, seed=0)).any()


def test_the_equalised_rate_of_the_judgement():
    model = small(filters=64)
    assert np.std(model.judgement.kernel) == pytest.approx(1.0, rel=0.2)
    # Features of mean square 1 give a logit of variance 1.
    ones = tf.fill((1, *model.discriminator.smallest, 64 * 4), 1.0)
    features = model.discriminator.whole(ones, training=False)
    pictures = model.discriminator.pictures[0]
    model.discriminator.pictures[0] = lambda x: ones
    scaled = model.discriminator(tf.zeros((1, 4, 4, 1)))
    model.discriminator.pictures[0] = pictures
    np.testing.assert_allclose(scaled, features / 16.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (15, 16, 1)}, r"image_shape must have even sides of 8 to 1024, received"),
        ({"image_shape": (4, 8, 1)}, r"image_shape must have even sides of 8 to 1024, received"),
        ({"fade_images": -1}, "fade_images must be"),
        ({"stable_images": 0}, "stable_images must be"),
        ({"drift": -0.1}, "drift must be at least 0"),
        ({"adversarial_loss": "wgan"}, "adversarial_loss must be an object such as"),
    ],
    ids=str,
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)
