"""What every model does, whatever its family; see `model_zoo`.

A model is built, trained and saved once, and most tests look at what came of that: graphs are dear
to trace. Tests ask for what a model's base classes promise, and pass by what they do not.
"""

from __future__ import annotations

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import LatentGAN, random
from keras_gen.formats import Images
from keras_gen.generative_model import GenerativeModel
from keras_gen.optimizers import players_of
from keras_gen.stages import StagedModel
from keras_gen_export import runtime
from keras_gen_export.verification import example_inputs
from model_zoo import ZOO, parts_of

# The dear combinations: on one model a family, in `make test-slow` on all.
thorough = pytest.mark.parametrize(
    "entry",
    [
        pytest.param(name, marks=[] if entry.thorough else [pytest.mark.slow])
        for name, entry in ZOO.items()
    ],
    indirect=True,
)


@pytest.fixture(params=ZOO, scope="module")
def entry(request):
    return ZOO[request.param]


def perturb(model):
    """Gives weights values as training leaves them: none of them zero."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign_add(0.1 * rng.standard_normal(weight.shape))
    return model


def learners(model):
    """What has an optimizer: the model, or the parts of a staged one."""
    return [stage.part for stage in model.stages()] if isinstance(model, StagedModel) else [model]


def compile_parts(model, make_optimizer, **kwargs):
    for part in learners(model):
        part.compile(make_optimizer(), **kwargs)
    return model


def train(model, entry, epochs=1, num=64, batch_size=16):
    x, y = entry.data(num)
    for part, dataset in parts_of(model, x, y, batch_size):
        history = part.fit(dataset, epochs=epochs, shuffle=False, verbose=0).history
    return history


def conditions_of(model, num):
    """What samples come with, drawn from its description."""
    inputs = model.sample_condition_inputs()
    return example_inputs(inputs, num, np.random.default_rng(0))


def draw(model, num, seed=3, **kwargs):
    return model.sample(num, seed=seed, **conditions_of(model, num), **kwargs)


def evaluated(model, entry, num=20):
    x, y = entry.data(num)
    return [
        part.evaluate(dataset, return_dict=True, verbose=0)
        for part, dataset in parts_of(model, x, y, batch_size=num)
    ]


def weights_of(model):
    return [np.array(weight) for weight in model.weights]


def optimizer_variables(model):
    optimizers = [part.optimizer for part in learners(model)]
    return [np.array(variable) for optimizer in optimizers for variable in optimizer.variables]


def assert_all_equal(a, b, tolerance=0.0):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance)


def adam():
    return keras.optimizers.Adam(3e-3, beta_1=0.5)


@pytest.fixture(scope="module")
def life(entry, tmp_path_factory):
    """A model that was trained, saved, and trained on; and one that was loaded and trained on."""
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("life") / "model.keras"
    model = compile_parts(perturb(entry.build()), adam)
    x, y = entry.data(256)
    before = entry.score(model, x, y)
    train(model, entry)
    model.save(path)
    can_draw = isinstance(model, GenerativeModel)

    def looked_at(model):
        return types.SimpleNamespace(
            scores=evaluated(model, entry), samples=draw(model, 3) if can_draw else None
        )

    at_saving = looked_at(model)
    train(model, entry)
    at_end = weights_of(model), optimizer_variables(model)

    loaded = keras.models.load_model(path)
    at_loading = looked_at(loaded)
    train(loaded, entry)
    at_end_of_loaded = weights_of(loaded), optimizer_variables(loaded)

    train(model, entry, epochs=entry.epochs, num=256)
    after = entry.score(model, x, y)
    return types.SimpleNamespace(
        model=model,
        before=before,
        after=after,
        saved=(at_saving, at_end),
        loaded=(at_loading, at_end_of_loaded),
    )


@pytest.fixture
def model(life):
    return life.model


@pytest.fixture
def generative(model):
    if not isinstance(model, GenerativeModel):
        pytest.skip("it draws nothing")
    return model


# ---- learns --------------------------------------------------------------------------------------


def test_fit_learns(life):
    assert life.after < 0.9 * life.before


def objectives(model, entry, num, training=False):
    x, y = entry.data(num)
    for part, dataset in parts_of(model, x, y, batch_size=num):
        batch = next(iter(dataset))
        yield (
            part,
            lambda part=part, batch=batch: part.objective(*part.unpack(batch), training=training),
        )


def test_every_weight_gets_a_gradient(entry, life):
    for part, objective in objectives(life.model, entry, 32, training=True):
        weights = part.learned_weights()
        with tf.GradientTape() as tape:
            # Terms weigh differently, since what one player gains another may lose.
            terms = objective().values()
            loss = tf.add_n([(1.0 + 0.3 * i) * tf.reduce_mean(x) for i, x in enumerate(terms)])
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            assert gradient is not None, weight.path
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


def test_evaluation_is_of_each_example_alone(entry, life):
    for part, objective in objectives(life.model, entry, 10):
        terms = objective()
        assert terms.keys() >= part.terms.keys()
        assert all(terms[name].shape == (10,) for name in part.terms)
        assert all(terms[name].dtype == tf.float32 for name in part.terms)
    for (part, few), terms_of_all in zip(
        objectives(life.model, entry, 3),
        [objective() for _, objective in objectives(life.model, entry, 10)],
        strict=True,
    ):
        for name, values in few().items():
            np.testing.assert_allclose(
                values, terms_of_all[name][:3], rtol=1e-4, atol=1e-4, err_msg=f"{part} {name}"
            )


def stepped(entry, strategy, shares):
    """A model after one step of SGD, each replica with its share of a batch."""
    with strategy.scope():
        model = perturb(entry.build())
        # Steps in proportion to gradients, so that the comparison sees their size.
        compile_parts(model, lambda: keras.optimizers.SGD(0.1))
    x, y = entry.data(sum(shares))
    for part, dataset in parts_of(model, x, y, batch_size=sum(shares)):
        batch = next(iter(dataset))
        bounds = np.cumsum([0, *shares])

        def share_of(context, batch=batch, bounds=bounds):
            replica = context.replica_id_in_sync_group
            part = slice(bounds[replica], bounds[replica + 1])
            return tf.nest.map_structure(lambda value: value[part], batch)

        with strategy.scope():
            given = strategy.experimental_distribute_values_from_function(share_of)
        strategy.run(part.train_step, args=(given,))
    return model


def test_two_replicas_step_as_one(entry, two_replicas):
    # Shares that are not even, as the last ones of an epoch may be.
    one = stepped(entry, tf.distribute.get_strategy(), [12])
    two = stepped(entry, two_replicas, [8, 4])
    start = perturb(entry.build())
    moved = zip(start.trainable_weights, one.trainable_weights, strict=True)
    assert any(np.abs(x - y).max() > 1e-4 for x, y in moved)
    assert_all_equal(weights_of(one), weights_of(two), 2e-5)


@thorough
def test_fit_under_a_strategy(entry, two_replicas):
    histories = []
    for strategy in (tf.distribute.get_strategy(), two_replicas):
        with strategy.scope():
            model = compile_parts(perturb(entry.build()), lambda: keras.optimizers.SGD(0.1))
        histories.append(train(model, entry, num=32, batch_size=32)["loss"])
    assert histories[0] == pytest.approx(histories[1], rel=1e-4)


@thorough
@pytest.mark.parametrize("how", [{"jit_compile": True}, {"steps_per_execution": 2}], ids=str)
def test_ways_of_running_take_the_same_steps(entry, how):
    models = [
        compile_parts(entry.build(), lambda: keras.optimizers.SGD(0.01), **arguments)
        for arguments in ({}, how)
    ]
    for model in models:
        train(model, entry)
    assert_all_equal(*map(weights_of, models), 1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_objectives_in_mixed_precision(entry, policy):
    model = entry.build(dtype=policy)
    exact = entry.build()
    for training in (True, False):
        for (_, objective), (_, in_float32) in zip(
            objectives(model, entry, 4, training),
            objectives(exact, entry, 4, training),
            strict=True,
        ):
            mean, exact_mean = (np.mean(terms()["loss"]) for terms in (objective, in_float32))
            assert mean == pytest.approx(exact_mean, rel=0.1, abs=0.1)
    assert model.in_float32().compute_dtype == "float32"


@thorough
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(entry, policy):
    model = compile_parts(entry.build(dtype=policy), lambda: None)
    before = weights_of(model)
    assert np.isfinite(train(model, entry, epochs=2)["loss"]).all()
    assert any((x != y).any() for x, y in zip(before, weights_of(model), strict=True))
    for part in learners(model):
        players = players_of(part.optimizer)
        scaled = [isinstance(o, keras.optimizers.LossScaleOptimizer) for o in players]
        assert all(scaled) == any(scaled) == (policy == "mixed_float16")
    assert all(np.isfinite(list(scores.values())).all() for scores in evaluated(model, entry))
    if isinstance(model, GenerativeModel):
        assert draw(model, 2).dtype == entry.data(1)[0].dtype


@thorough
def test_weight_averages_of_keras(entry):
    model = compile_parts(
        entry.build(average_decay=None),  # two kinds of averages are refused
        lambda: keras.optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.9),
    )
    # Keras replaces the weights by their averages at the end of `fit`.
    train(model, entry, epochs=2)
    for optimizer in players_of(model.optimizer):
        averages = optimizer._model_variables_moving_average
        assert len(averages) == len(optimizer._trainable_variables) > 0
        assert_all_equal(optimizer._trainable_variables, averages)


# ---- saves ---------------------------------------------------------------------------------------


def test_a_loaded_model_is_the_saved_one(life):
    saved, loaded = life.saved[0], life.loaded[0]
    assert loaded.scores == saved.scores
    if saved.samples is not None:
        np.testing.assert_array_equal(loaded.samples, saved.samples)


def test_training_goes_on_after_saving(life):
    (weights, slots), (weights_of_loaded, slots_of_loaded) = life.saved[1], life.loaded[1]
    assert_all_equal(weights, weights_of_loaded)
    assert_all_equal(slots, slots_of_loaded)


def test_config_round_trip(entry, model):
    config = json.loads(json.dumps(model.get_config()))
    twin = type(model).from_config(config)
    assert json.loads(json.dumps(twin.get_config())) == config
    assert config["seed"] == 1
    twin.set_weights(model.get_weights())
    for (_, objective), (_, of_twin) in zip(
        objectives(model, entry, 4), objectives(twin, entry, 4), strict=True
    ):
        np.testing.assert_array_equal(objective()["loss"], of_twin()["loss"])


def test_a_subclass_that_passes_arguments_on(entry):
    class Variant(entry.model):
        def __init__(self, *, extra=1, **kwargs):
            super().__init__(**kwargs)
            self.extra = extra

    variant = Variant(**entry.options, extra=2)
    twin = Variant.from_config(json.loads(json.dumps(variant.get_config())))
    assert twin.extra == 2
    assert twin.seed == variant.seed
    for name in entry.options:
        assert getattr(twin, name) == getattr(variant, name), name


# ---- runs ----------------------------------------------------------------------------------------


def test_samples_look_like_the_data(entry, generative):
    x, _ = entry.data(1)
    samples = draw(generative, 7)
    assert samples.shape == (7, *x.shape[1:])
    assert samples.dtype == x.dtype
    generative.check_data(samples)
    assert len(np.unique(samples)) > 1


def test_same_seed_same_sample_in_any_batch(generative):
    samples = draw(generative, 7)
    first = {name: value[:3] for name, value in conditions_of(generative, 7).items()}
    np.testing.assert_array_equal(samples[:3], generative.sample(3, seed=3, **first))
    assert (samples != draw(generative, 7, seed=4)).any()

    seeds = random.spread(3, 7).numpy()[::-1]
    conditions = {name: value[::-1] for name, value in conditions_of(generative, 7).items()}
    backwards = generative.run("sample", seeds=seeds, **conditions)["samples"]
    np.testing.assert_array_equal(backwards[::-1], samples)


def test_a_setting_of_one_sample_is_its_own(generative):
    for name, setting in generative.setting_inputs().items():
        assert setting.default is not None
        least = setting.minimum
        changed, usual = draw(generative, 4, **{name: least}), draw(generative, 4)
        values = [least, setting.default, setting.default, least]
        mixed = draw(generative, 4, **{name: values})
        expected = np.stack([changed[0], usual[1], usual[2], changed[3]])
        np.testing.assert_array_equal(mixed, expected)


def test_the_forward_pass(entry, model):
    x, y = entry.data(3)
    if isinstance(model, LatentGAN):
        x = model.draw_latents(3, seed=0)
    inputs = {"x": x} | (y if isinstance(y, dict) else {} if y is None else {"labels": y})
    try:
        given = model(inputs)
    except NotImplementedError:
        pytest.skip("it has none")
    np.testing.assert_allclose(model.predict(inputs, verbose=0), given, rtol=1e-4, atol=1e-4)
    assert len(given) == 3


# ---- ships ---------------------------------------------------------------------------------------


def test_graphs_for_one_batch_size(model):
    for signature in model.signatures().values():
        signature.graph(batch_size=1).get_concrete_function()


@pytest.mark.parametrize("format", ["tf_saved_model", "onnx"])
def test_exports_verify(model, tmp_path, format):
    manifest = model.export(tmp_path / "artefact", format=format, verbose=False)
    assert set(manifest["verification"]) == set(model.signatures())
    if format == "onnx" and isinstance(model, GenerativeModel):
        artefact = runtime.load(tmp_path / "artefact")
        conditions = conditions_of(model, 5)
        samples = artefact.run("sample", seeds=runtime.spread(3, 5), **conditions)["samples"]
        allowed = model.sample_output
        expected = draw(model, 5)
        difference = np.abs(samples.astype(float) - expected)
        assert (difference <= allowed.tolerance + allowed.relative * np.abs(expected)).all()
        assert (difference > 0).mean() <= allowed.unequal


# ---- refuses -------------------------------------------------------------------------------------


def test_bad_arguments_of_sample(generative):
    good = {"num_samples": 3} | conditions_of(generative, 3)
    name, setting = next(iter(generative.setting_inputs().items()))
    for arguments, message in (
        ({"num_samples": 0}, "num_samples must be at least 1, received 0"),
        ({"num_samples": 1.5}, "num_samples must be an integer, received 1.5"),
        ({"seed": "x"}, "seed must be an integer, received 'x'"),
        ({name: setting.minimum - 1}, f"{name} must be .*, received values from"),
        ({name: [1.0, 1.0]}, f"{name} must be one value or have shape"),
        ({name: float("nan")}, f"{name} must be .*, received values from nan"),
        ({name[:-1]: 1.0}, f"{name[:-1]} must not be given: did you mean {name}?"),
    ):
        with pytest.raises(ValueError, match=message):
            generative.sample(**(good | arguments))


def test_labels_are_checked(entry, generative):
    x, _ = entry.data(4)
    if generative.num_classes is None:
        with pytest.raises(ValueError, match="labels must not be given"):
            generative.sample(2, labels=0)
        # But labels that come with data are ignored.
        if not generative.condition_inputs() and not isinstance(generative, StagedModel):
            generative.evaluate(x, np.zeros(4), verbose=0)
        return
    conditions = conditions_of(generative, 2)
    for labels, message in (
        (None, r"labels must be given: integers \[n\] in \[0, 9\]"),
        (10, r"labels must be integers .* in \[0, 9\], received values from 10 to 10"),
        (1.0, "labels must be integers .*, received dtype float64"),
    ):
        with pytest.raises(ValueError, match=message):
            generative.sample(2, **(conditions | {"labels": labels}))
    with pytest.raises(ValueError, match=r"labels must be given: a batch of .* must be \(x, "):
        generative.fit(x, verbose=0)


def test_bad_data_is_refused(entry, model):
    x, y = entry.data(4)
    is_float = x.dtype.kind == "f"
    if isinstance(model, StagedModel):
        pytest.skip("its parts refuse")
    if not is_float:
        with pytest.raises(ValueError, match=r"x must be integers .* received dtype"):
            model.fit(x.astype(np.float32), y, verbose=0)
    with pytest.raises(ValueError, match="x must have shape"):
        model.fit(x[..., None], y, verbose=0)
    # No pixel of so many levels, no character of any text, no sound in [-1, 1], no number.
    wrong = np.full_like(x, np.nan if is_float else 200)
    with pytest.raises(ValueError, match=r"x must be .* received"):
        model.fit(wrong, y, verbose=0)
    if isinstance(model.format, Images):  # what comes batch by batch is seen when it comes
        dataset = tf.data.Dataset.from_tensors(wrong if y is None else (wrong, y))
        with pytest.raises(tf.errors.InvalidArgumentError, match="x must be"):
            model.evaluate(dataset, verbose=0)
    with pytest.raises(ValueError, match="loss must not be given"):
        model.compile("adam", "mse")
