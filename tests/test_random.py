"""The noise: known answers, the same bits everywhere, independence, the right distributions."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_gen import random
from keras_gen.random import Noise, Purpose
from keras_gen.signature import DECISION, Input, Signature
from keras_gen_export import onnx as onnx_writer
from keras_gen_export import runtime

SEEDS = np.array([0, 1, -1, 2**40 + 5, 2**63 - 1], np.int64)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0xFFFFFFFF] * 4,
            [0xFFFFFFFF] * 2,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
    ids=["zeros", "ones", "pi"],
)
def test_known_answers_of_random123(counter, key, expected):
    words = random.philox4x32(
        [tf.constant(k, tf.uint32) for k in key], [tf.constant(c, tf.uint32) for c in counter]
    )
    assert [int(word) for word in words] == expected


def all_kinds(seeds):
    noise = Noise(seeds)
    return {
        # ONNX Runtime gives no uint32 arrays of odd sizes less reliably than int64 ones.
        "bits": tf.cast(noise.bits((3, 5), stream=2, step=7), tf.int64),
        "uniform": noise.uniform((3, 5), stream=1, step=9),
        "normal": noise.normal((7,)),
    }


def test_same_bits_in_eager_graph_xla_and_onnx_runtime(tmp_path):
    expected = all_kinds(tf.constant(SEEDS))
    in_graph = tf.function(all_kinds)(tf.constant(SEEDS))
    in_xla = tf.function(all_kinds, jit_compile=True)(tf.constant(SEEDS))

    import onnxruntime

    signature = Signature(
        all_kinds, {"seeds": Input((None,), "int64")}, dict.fromkeys(expected, DECISION)
    )
    proto = onnx_writer.convert(signature)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    in_ort = dict(zip(names, session.run(None, {"seeds": SEEDS}), strict=True))

    for kind, value in expected.items():
        for other in (in_graph, in_xla, in_ort):
            np.testing.assert_array_equal(value, other[kind], err_msg=kind)


def test_a_sample_depends_on_its_own_seed_alone():
    together = Noise(SEEDS).uniform((10,))
    alone = [Noise(SEEDS[i : i + 1]).uniform((10,))[0] for i in range(len(SEEDS))]
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together)) == together.shape.num_elements()


def test_streams_steps_and_seeds_are_independent():
    draws = [
        Noise([seed]).normal((20_000,), stream=stream, step=step).numpy().ravel()
        for seed, stream, step in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**32, 0, 0)]
    ]
    correlations = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)


def test_no_two_uses_of_a_seed_share_a_number():
    uses = [
        Noise(random.spread(seed, 4, stream=step), purpose, part)
        for seed in (0, 1)
        for step in (0, 1)
        for purpose in Purpose
        for part in (0, 1)
    ]
    drawn = [int(word) for noise in uses for word in np.ravel(noise.bits((2, 4), stream=1))]
    # By accident, two of so few words agree once in a thousand runs; these never change.
    assert len(set(drawn)) == len(drawn)


def test_parts_of_a_model_have_noise_of_their_own():
    noise = Noise(SEEDS, Purpose.BOUND)
    parts = [noise.bits((4,)), noise.of_part(1).bits((4,)), noise.of_part(2).bits((4,))]
    assert len(np.unique(parts)) == 3 * 4 * len(SEEDS)
    np.testing.assert_array_equal(
        noise.of_part(1).bits((4,)), Noise(SEEDS, Purpose.BOUND, 1).bits((4,))
    )
    with pytest.raises(ValueError, match="part must be in"):
        noise.of_part(2**24)


def test_a_longer_draw_begins_like_a_shorter_one():
    np.testing.assert_array_equal(Noise([5]).bits((9,))[:, :6], Noise([5]).bits((6,)))


@pytest.mark.parametrize(
    ("kind", "distribution"),
    [
        ("uniform", stats.uniform()),
        ("normal", stats.norm()),
        ("gumbel", stats.gumbel_r()),
        ("logistic", stats.logistic()),
    ],
)
def test_distributions(kind, distribution):
    seeds = random.spread(11, 1000)
    numbers = getattr(Noise(seeds), kind)((1000,)).numpy().ravel().astype(np.float64)
    assert np.isfinite(numbers).all()
    edges = distribution.ppf(np.linspace(0, 1, 201))
    observed, _ = np.histogram(numbers, np.clip(edges, -1e9, 1e9))
    assert observed.sum() == numbers.size
    assert stats.chisquare(observed).pvalue > 1e-4


def test_uniforms_are_never_zero_or_one():
    # The least and the greatest of all bits.
    bits = tf.constant([0, 0xFFFFFFFF], tf.uint32)
    noise = Noise([0])
    noise.bits = lambda *_: bits
    assert noise.uniform(()).numpy().tolist() == [2.0**-24, 1 - 2.0**-24]


def test_spread():
    seeds = random.spread(7, 100_000)
    assert len(np.unique(seeds)) == len(seeds)
    assert seeds.numpy().min() >= 0
    assert 2**52 < seeds.numpy().max() < 2**53
    np.testing.assert_array_equal(seeds[3:10], random.spread(7, 7, start=3))
    assert not set(seeds.numpy()) & set(random.spread(7, 1000, stream=1).numpy())
    for seed in (0, 7, -3, 2**62):
        np.testing.assert_array_equal(random.spread(seed, 50), runtime.spread(seed, 50))


def test_seeds_of_examples_depend_on_content_alone():
    x = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    seeds = random.seeds_of(tf.constant(x)).numpy()
    assert len(np.unique(seeds)) == 50
    np.testing.assert_array_equal(seeds[::-1], random.seeds_of(tf.constant(x[::-1])))
    x[0, 0, 0, 0] ^= 1
    assert random.seeds_of(tf.constant(x))[0] != seeds[0]


def test_a_stream_out_of_range_is_refused():
    with pytest.raises(ValueError, match="stream must be in"):
        Noise([0]).bits((1,), stream=-1)
