"""The check of inputs: one for Python, graphs, manifests and the runtime."""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_gen.signature import Input
from keras_gen_export.inputs import check_inputs
from keras_gen_export.verification import example_inputs

LABELS = Input((None,), "int32", 0, 9)
PICTURES = Input((None, None, None, 1), "uint8", 0, 255, multiple_of=4)
SETTING = Input((None,), "float32", minimum=0.0, default=1.0)
VOCABULARY = Input((None, None), "int32", 97, 122, values=(97, 99, 122), longest=6)


def checked(batch_size=None, **given):
    inputs = {"labels": LABELS, "setting": SETTING}
    return check_inputs({k: v.describe() for k, v in inputs.items()}, given, batch_size)


def test_one_value_serves_the_batch_and_defaults_fill_in():
    arrays = checked(labels=[1, 2, 3])
    np.testing.assert_array_equal(arrays["setting"], [1.0, 1.0, 1.0])
    assert arrays["setting"].dtype == np.float32
    assert checked(labels=3, setting=[0.5, 2.0])["labels"].tolist() == [3, 3]
    assert checked(labels=3)["labels"].tolist() == [3]
    assert checked(4, labels=3)["setting"].shape == (4,)


@pytest.mark.parametrize(
    ("spec", "good", "bad", "message"),
    [
        (LABELS, [0, 9], [0, 10], r"x must be integers \[n\] in \[0, 9\], received values from"),
        (LABELS, [True], [1.5], "received dtype float64"),
        (LABELS, np.zeros(2, np.int64), np.zeros((2, 1), int), r"x must have shape \[n\], rec"),
        (SETTING, [1], [np.nan], r"x must be floats \[n\] of at least 0, received values from nan"),
        (SETTING, [0.0], [np.inf], "received values from inf to inf"),
        (SETTING, [1e38], [1e39], "received values from inf to inf"),
        (
            PICTURES,
            np.zeros((2, 4, 8, 1), np.uint8),
            np.zeros((2, 4, 6, 1), np.uint8),
            r"x must have shape \[n, any multiple of 4, any multiple of 4, 1\], received \[2, 4, 6",
        ),
        (VOCABULARY, [[97, 122]], [[97, 98]], "x must be among the 3 values allowed, received 98"),
        (VOCABULARY, [[97] * 6], [[97] * 7], r"x must have shape \[n, up to 6\], received \[1, 7"),
    ],
    ids=range(9),
)
def test_what_is_allowed(spec, good, bad, message):
    assert spec.check("x", good).dtype == spec.dtype
    with pytest.raises(ValueError, match=message):
        spec.check("x", bad)
    # A manifest says the same.
    described = json.loads(json.dumps(spec.describe()))
    with pytest.raises(ValueError, match=message):
        check_inputs({"x": described}, {"x": bad})


def test_numbers_that_a_dtype_does_not_hold_are_refused():
    seeds = Input((None,), "int64")
    assert seeds.check("seeds", np.array([2**63 - 1], np.uint64)).tolist() == [2**63 - 1]
    with pytest.raises(ValueError, match=r"seeds must be .* that int64 holds, received .*5808"):
        seeds.check("seeds", np.array([2**63], np.uint64))


def test_brain_floats_are_floats():
    halves = tf.constant([0.5, 2.0], tf.bfloat16)
    for given in (halves, halves.numpy()):
        checked = SETTING.check("x", given)
        assert checked.dtype == np.float32
        assert checked.tolist() == [0.5, 2.0]
    with pytest.raises(ValueError, match=r"x must be floats .* received values from -4\.0"):
        SETTING.check("x", -halves / 0.5)
    with pytest.raises(ValueError, match=r"x must be integers .*, received dtype bfloat16"):
        LABELS.check("x", halves)


def test_settings_are_verified_where_they_are_of_use():
    settings = {"setting": Input((None,), "float32", 0.0, 1e6, default=1.0)}
    tried = example_inputs(settings, 100, np.random.default_rng(0))["setting"]
    assert tried.min() >= 0.0
    assert 0.5 < tried.max() <= 1.0
    condition = {"condition": Input((None,), "float32", 0.0, 1e6)}
    assert example_inputs(condition, 100, np.random.default_rng(0))["condition"].max() > 1.0


@pytest.mark.parametrize(
    ("spec", "good", "bad"),
    [
        (LABELS, [0, 9], [0, 10]),
        (LABELS, [0, 9], [-1, 9]),
        (SETTING, [0.0], [-0.5]),
        (SETTING, [0.0], [np.nan]),
        (VOCABULARY, [[97, 99]], [[97, 98]]),
        (VOCABULARY, [[97, 99]], [[97, 2**30]]),
    ],
    ids=range(6),
)
def test_values_in_a_graph(spec, good, bad):
    check = tf.function(lambda x: spec.check_in_graph("x", x))
    dtype = tf.as_dtype(spec.dtype)
    np.testing.assert_array_equal(check(tf.constant(good, dtype)), good)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be"):
        check(tf.constant(bad, dtype))


def test_kinds_and_shapes_are_seen_when_a_graph_is_made():
    with pytest.raises(ValueError, match="received dtype float32"):
        LABELS.check_in_graph("x", tf.constant([1.0]))
    with pytest.raises(ValueError, match=r"x must have shape \[n\], received \[2, 1\]"):
        LABELS.check_in_graph("x", tf.constant([[1], [2]]))
    # Narrow integers are widened only after the check.
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be"):
        Input((None,), "uint8", 0, 3).check_in_graph("x", tf.constant([260]))
