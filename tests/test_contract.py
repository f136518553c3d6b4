"""What every model does, whatever its family; see `model_zoo`."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import random
from keras_gen_export import runtime
from model_zoo import ZOO, conditions_of


@pytest.fixture(params=ZOO, scope="module")
def entry(request):
    return ZOO[request.param]


@pytest.fixture(scope="module")
def model(entry):
    """A model with weights as training leaves them: none of them zero."""
    keras.utils.set_random_seed(0)
    model = entry.build()
    perturb(model)
    return model


def perturb(model):
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * rng.standard_normal(weight.shape))


def train(model, entry, epochs=1, batch_size=16, num=64, **kwargs):
    images, labels = entry.data(num)
    return model.fit(
        images, labels, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, **kwargs
    )


def assert_weights_equal(a, b, tolerance=0.0):
    for x, y in zip(a.weights, b.weights, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance, err_msg=x.path)


def draw(model, num, seed=3, **kwargs):
    return model.sample(num, seed=seed, **conditions_of(model, num), **kwargs)


# ---- learns --------------------------------------------------------------------------------------


def test_fit_learns(entry):
    model = entry.build()
    images, labels = entry.data(256)
    model.compile(*[keras.optimizers.Adam(3e-3, beta_1=0.5) for _ in range(model.num_optimizers)])
    before = entry.score(model, images, labels)
    train(model, entry, epochs=entry.epochs, num=256)
    assert entry.score(model, images, labels) < 0.9 * before


def test_every_weight_gets_a_gradient(entry):
    model = entry.build()
    perturb(model)
    images, labels = entry.data(32)
    model.compile()
    with tf.GradientTape() as tape:
        terms = model.objective(tf.constant(images), labels, training=True)
        loss = tf.reduce_mean(terms["loss"])
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        assert gradient is not None, weight.path
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


def test_objective_is_per_example(entry, model):
    images, labels = entry.data(5)
    terms = model.objective(tf.constant(images), labels, training=False)
    assert tuple(terms) == model.terms
    assert all(term.shape == (5,) and term.dtype == tf.float32 for term in terms.values())


def test_evaluate_does_not_depend_on_the_batch_size(entry, model):
    images, labels = entry.data(10)
    model.compile()
    scores = [
        model.evaluate(images, labels, batch_size=size, return_dict=True, verbose=0)
        for size in (3, 10)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)


@pytest.fixture(scope="session")
def two_replicas():
    # One for all models, and for good: strategies of one process would number their collectives
    # alike.
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def test_two_replicas_step_as_one(entry, two_replicas):
    def trained(strategy):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = entry.build()
            perturb(model)
            # Steps in proportion to gradients, so that the comparison sees their size.
            model.compile(*[keras.optimizers.SGD(0.1) for _ in range(model.num_optimizers)])
        images, labels = entry.data(64)
        dataset = tf.data.Dataset.from_tensor_slices(
            images if labels is None else (images, labels)
        ).batch(64)
        history = model.fit(dataset, epochs=1, shuffle=False, verbose=0).history
        return model, history

    one, history_of_one = trained(tf.distribute.get_strategy())
    two, history_of_two = trained(two_replicas)
    assert history_of_one["loss"] == pytest.approx(history_of_two["loss"], rel=1e-4)
    keras.utils.set_random_seed(0)
    start = entry.build()
    perturb(start)
    assert any(np.abs(x - y).max() > 1e-4 for x, y in zip(start.weights, one.weights, strict=True))
    assert_weights_equal(one, two, 1e-5)


@pytest.mark.parametrize("how", [{"jit_compile": True}, {"steps_per_execution": 2}], ids=str)
def test_ways_of_running_take_the_same_steps(entry, how):
    models = [entry.build(), entry.build()]
    models[1].set_weights(models[0].get_weights())
    for model, arguments in zip(models, ({}, how), strict=True):
        model.compile(
            *[keras.optimizers.SGD(0.01) for _ in range(model.num_optimizers)], **arguments
        )
        train(model, entry)
    assert_weights_equal(*models, 1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(entry, policy):
    model = entry.build(dtype=policy)
    model.compile()
    before = model.get_weights()
    history = train(model, entry, epochs=2).history
    assert np.isfinite(history["loss"]).all()
    assert any((x != y).any() for x, y in zip(before, model.get_weights(), strict=True))
    scaled = [isinstance(o, keras.optimizers.LossScaleOptimizer) for o in optimizers(model)]
    assert all(scaled) == any(scaled) == (policy == "mixed_float16")
    assert draw(model, 2).dtype == entry.data(1)[0].dtype
    assert model.in_float32().compute_dtype == "float32"


def optimizers(model):
    return [model.optimizer, getattr(model, "discriminator_optimizer", model.optimizer)]


def test_weight_averages(entry):
    model = entry.build()
    averaging = keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.9)
    model.compile(averaging, *[keras.optimizers.Adam() for _ in range(model.num_optimizers - 1)])
    # Keras replaces the weights by their averages at the end of `fit`.
    train(model, entry, epochs=2)
    averages = averaging._model_variables_moving_average
    weights = averaging._trainable_variables
    assert len(averages) == len(weights) > 0
    for weight, average in zip(weights, averages, strict=True):
        np.testing.assert_array_equal(weight, average)


# ---- saves ---------------------------------------------------------------------------------------


def test_training_goes_on_after_saving(entry, tmp_path):
    def compiled():
        keras.utils.set_random_seed(0)
        model = entry.build()
        model.compile()
        return model

    uninterrupted, interrupted = compiled(), compiled()
    train(uninterrupted, entry)
    train(interrupted, entry)
    interrupted.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    images, labels = entry.data(20)
    score = uninterrupted.evaluate(images, labels, return_dict=True, verbose=0)
    assert loaded.evaluate(images, labels, return_dict=True, verbose=0) == score
    np.testing.assert_array_equal(draw(uninterrupted, 3), draw(loaded, 3))

    train(uninterrupted, entry)
    train(loaded, entry)
    assert_weights_equal(uninterrupted, loaded)
    for a, b in zip(optimizers(uninterrupted), optimizers(loaded), strict=True):
        for x, y in zip(a.variables, b.variables, strict=True):
            np.testing.assert_array_equal(x, y)


def test_config_round_trip(entry, model):
    config = json.loads(json.dumps(model.get_config()))
    twin = type(model).from_config(config)
    assert json.loads(json.dumps(twin.get_config())) == config
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(draw(model, 2), draw(twin, 2))


# ---- samples -------------------------------------------------------------------------------------


def test_samples_look_like_the_data(entry, model):
    images, _ = entry.data(1)
    samples = draw(model, 7)
    assert samples.shape == (7, *images.shape[1:])
    assert samples.dtype == images.dtype
    model.check_data(samples)
    assert len(np.unique(samples)) > 1


def test_same_seed_same_sample_in_any_batch(model):
    samples = draw(model, 7)
    np.testing.assert_array_equal(samples[:3], draw(model, 3))
    assert (samples != draw(model, 7, seed=4)).any()

    seeds = random.spread(3, 7).numpy()[::-1]
    conditions = [told[::-1] for told in conditions_of(model, 7).values()]
    backwards = model.run("sample", seeds, np.ones(7, np.float32), *conditions)
    np.testing.assert_array_equal(backwards[::-1], samples)


def test_temperature_of_one_sample_is_its_own(model):
    cold, warm = draw(model, 4, temperature=0.0), draw(model, 4)
    mixed = draw(model, 4, temperature=[0.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(mixed, np.stack([cold[0], warm[1], warm[2], cold[3]]))


# ---- ships ---------------------------------------------------------------------------------------


def test_saved_model_verifies(model, tmp_path):
    manifest = model.export(tmp_path / "artefact", verbose=False)
    assert set(manifest["verification"]) == set(model.signatures())


def test_onnx_verifies_and_samples_the_same(model, tmp_path):
    model.export(tmp_path / "artefact", format="onnx", verbose=False)
    artefact = runtime.load(tmp_path / "artefact")
    assert set(artefact.signatures) == set(model.signatures())
    told = conditions_of(model, 5)
    samples = artefact.sample(seeds=runtime.spread(3, 5), temperature=1.0, **told)["samples"]
    allowed = model.sample_output
    difference = np.abs(samples.astype(float) - draw(model, 5))
    assert difference.max() <= allowed.tolerance
    assert (difference > 0).mean() <= allowed.unequal


# ---- refuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "num_samples must be at least 1, received 0"),
        ({"num_samples": 1.5}, "num_samples must be an integer, received 1.5"),
        ({"temperature": -1.0}, "temperature must be at least 0, received -1"),
        ({"temperature": [1.0, 1.0]}, r"temperature must be one value or have shape \[3\]"),
        ({"seed": "x"}, "seed must be an integer, received 'x'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_arguments_of_sample(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.sample(**({"num_samples": 3} | conditions_of(model, 3) | arguments))


def test_labels_are_checked(entry, model):
    images, _ = entry.data(4)
    if model.num_classes is None:
        with pytest.raises(ValueError, match="labels must be None"):
            model.sample(2, labels=0)
        # But labels that come with data are ignored.
        model.compile()
        model.evaluate(images, np.zeros(4), verbose=0)
    else:
        with pytest.raises(ValueError, match="labels are missing"):
            model.sample(2)
        with pytest.raises(ValueError, match=r"labels must be in \[0, 9\], received .* 10"):
            model.sample(2, labels=10)
        with pytest.raises(ValueError, match="labels must be integers"):
            model.sample(2, labels=1.0)
        model.compile()
        with pytest.raises(ValueError, match="labels are missing"):
            model.fit(images, verbose=0)


def test_bad_data_is_refused(entry):
    model = entry.build()
    model.compile()
    x, labels = entry.data(4)
    is_float = x.dtype.kind == "f"
    with pytest.raises(ValueError, match=r"x must be (integers|floats).* received dtype"):
        model.fit(x.astype(np.int32 if is_float else np.float32), labels, verbose=0)
    with pytest.raises(ValueError, match="x must have shape"):
        model.fit(x[:, 0], labels, verbose=0)
    # No pixel of so many levels, no character of any text, no sound in [-1, 1].
    wrong = np.full_like(x, 200 if x.dtype == np.uint8 else 7)
    with pytest.raises(ValueError, match=r"x must be in .* received"):
        model.fit(wrong, labels, verbose=0)
    # What comes batch by batch is seen when it comes.
    dataset = tf.data.Dataset.from_tensors(wrong if labels is None else (wrong, labels))
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be in"):
        model.evaluate(dataset, verbose=0)
    with pytest.raises(ValueError, match="loss must not be given"):
        model.compile(loss="mse")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (8, 8)}, r"image_shape must be \(height, width, channels\)"),
        ({"image_shape": (8, 8, 1), "levels": 1}, "levels must be 2 to 256, received 1"),
        ({"image_shape": (8, 8, 1), "num_classes": 0}, "num_classes must be at least 1"),
    ],
    ids=str,
)
def test_bad_constructor_arguments(entry, options, message):
    if entry.levels is None:
        options = entry.options | {name: options[name] for name in options.keys() & {"num_classes"}}
        if "num_classes" not in options or not entry.conditional:
            return  # a model that is told nothing of images
    with pytest.raises(ValueError, match=message):
        entry.model(**options)
