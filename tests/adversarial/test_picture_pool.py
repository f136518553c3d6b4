"""The pool of past pictures: what it gives is distributed as its paper says."""

import numpy as np
import tensorflow as tf

from keras_gen.adversarial.layers.picture_pool import PicturePool
from keras_gen.random import Noise


def numbered(first, num):
    """Pictures that carry their number."""
    return tf.cast(tf.range(first, first + num), tf.uint8)[:, None, None, None]


def given_numbers(pool, first, num, seed=0):
    noise = Noise(tf.range(num, dtype=tf.int64) + 1000 * seed)
    return pool.exchange(numbered(first, num), noise.uniform((2,)))[:, 0, 0, 0].numpy()


def test_until_it_is_full_it_keeps_all_and_gives_them_back():
    pool = PicturePool(5, (1, 1, 1))
    np.testing.assert_array_equal(given_numbers(pool, 0, 3), [0, 1, 2])
    np.testing.assert_array_equal(given_numbers(pool, 3, 2), [3, 4])
    np.testing.assert_array_equal(pool.pictures[:, 0, 0, 0], range(5))
    assert int(pool.count) == 5


def test_within_one_batch_it_fills_and_then_exchanges():
    pool = PicturePool(3, (1, 1, 1))
    given = given_numbers(pool, 0, 40)
    np.testing.assert_array_equal(given[:3], range(3))
    assert len(set(given[3:])) == 37  # what is given has left the pool, or never came into it


def test_nothing_is_lost_or_doubled():
    """What came was given, or lies in the pool; what was given back at once does not lie in it."""
    pool = PicturePool(4, (1, 1, 1))
    full = given_numbers(pool, 0, 4)
    given = given_numbers(pool, 4, 100)
    kept = pool.pictures.numpy().ravel()
    np.testing.assert_array_equal(sorted([*given, *kept]), range(104))
    np.testing.assert_array_equal(full, range(4))


def test_half_of_what_is_given_is_of_the_past_and_any_is_as_likely():
    size, num = 10, 200
    pool = PicturePool(size, (1, 1, 1))
    given_numbers(pool, 0, size)
    of_past, ages = 0, []
    turns = 100
    for turn in range(turns):
        before = set(pool.pictures.numpy().ravel())
        # One at a time: each is either the one that came, or one of the ten that were there.
        noise = Noise(tf.constant([turn], tf.int64))
        number = size + turn
        shown = int(pool.exchange(numbered(number, 1), noise.uniform((2,)))[0, 0, 0, 0])
        assert shown == number or shown in before
        of_past += shown != number
        ages.append(number - shown)
    assert abs(of_past / turns - 0.5) < 0.16  # three deviations of a fair coin

    # Of many pools that are alike, each place is exchanged as often.
    chances = Noise(tf.range(num, dtype=tf.int64)).uniform((2,))
    places = np.zeros(size)
    for i in range(num):
        pool = PicturePool(size, (1, 1, 1))
        given_numbers(pool, 0, size)
        shown = int(pool.exchange(numbered(size, 1), chances[i : i + 1])[0, 0, 0, 0])
        if shown < size:
            places[shown] += 1
    expected = places.sum() / size
    assert np.sum((places - expected) ** 2 / expected) < 27.9  # chi squared, 9 degrees, p = 0.001


def test_replicas_keep_what_one_would(two_replicas):
    one = PicturePool(3, (1, 1, 1))
    chances = Noise(tf.range(8, dtype=tf.int64)).uniform((2,))
    expected = one.exchange(numbered(0, 8), chances).numpy().ravel()

    with two_replicas.scope():
        pool = PicturePool(3, (1, 1, 1))
    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: (
            numbered(4 * context.replica_id_in_sync_group, 4),
            chances[4 * context.replica_id_in_sync_group :][:4],
        )
    )
    given = two_replicas.run(tf.function(lambda pair: pool.exchange(*pair)), args=(halves,))
    shown = np.concatenate(
        [x.numpy().ravel() for x in two_replicas.experimental_local_results(given)]
    )
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_array_equal(pool.pictures, one.pictures)
