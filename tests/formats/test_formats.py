"""Formats: stored data to tokens and back, what they refuse, what they write."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.io import wavfile

from keras_gen import Codes, Images, Points, Sound, Text, Tokens
from keras_gen.formats import Format, Tokenized

FORMATS = [
    Tokens(7),
    Images((2, 3, 3), 7),
    Codes((2, 3, 3), 7),
    Text("gfedcba"),
    Sound(levels=7),
    Points(2),
]


@pytest.fixture(params=FORMATS, ids=lambda format: format.name)
def format(request):
    return request.param


def examples(format, num=4):
    rng = np.random.default_rng(0)
    if isinstance(format, Tokenized):
        return format.from_tokens(tf.constant(rng.integers(0, 7, (num, 18)), tf.int32)).numpy()
    return rng.standard_normal((num, 2)).astype(np.float32)


def test_data_is_as_described(format):
    x = examples(format)
    assert x.dtype == format.dtype == format.input().dtype
    np.testing.assert_array_equal(format.check(x), x)
    np.testing.assert_array_equal(tf.function(format.check_in_graph)(tf.constant(x)), x)
    assert int(format.num_dimensions(tf.constant(x))) == x[0].size
    np.testing.assert_allclose(format.from_unit(format.to_unit(tf.constant(x))), x, atol=1e-6)


def test_config_round_trip(format):
    twin = type(format).from_config(format.get_config())
    assert twin == format
    assert twin != Tokens(8)
    assert isinstance(twin, Format)


def test_tokens_there_and_back(format):
    if not isinstance(format, Tokenized):
        pytest.skip("it has no tokens")
    tokens = np.random.default_rng(0).integers(0, 7, (4, 18)).astype(np.int32)
    stored = format.from_tokens(tf.constant(tokens))
    np.testing.assert_array_equal(format.to_tokens(stored), tokens)
    spec = format.input()
    assert spec.minimum <= stored.numpy().min() <= stored.numpy().max() <= spec.maximum


def test_pixels_come_in_raster_order_and_channel_by_channel():
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    images = Images((2, 2, 3), 12)
    np.testing.assert_array_equal(images.to_tokens(image)[0], np.arange(12))
    assert (images.length, images.row) == (12, 6)


def test_pixels_are_scaled_and_rounded():
    images = Images((1, 3, 1), 5)
    unit = images.to_unit(np.array([[[[0], [2], [4]]]], np.uint8))
    np.testing.assert_array_equal(unit.numpy().ravel(), [-1.0, 0.0, 1.0])
    stored = images.from_unit(tf.constant([[[[-3.0], [0.3], [0.2]]]])).numpy().ravel()
    np.testing.assert_array_equal(stored, [0, 3, 2])


def test_free_sides():
    images = Images((None, None, 1), 4, multiple_of=2)
    images.check(np.zeros((1, 2, 6, 1), np.uint8))
    with pytest.raises(ValueError, match=r"x must have shape \[n, any multiple of 2, any mult"):
        images.check(np.zeros((1, 2, 5, 1), np.uint8))
    with pytest.raises(ValueError, match="image_shape must be"):
        Images((None, 4, 1))


def test_text_is_code_points():
    text = Text("é😀ab")
    points = text.code_points(["a😀", "éab"])
    np.testing.assert_array_equal(points[0, :2], [97, 0x1F600])
    assert text.strings(points)[1] == "éab"
    assert text.num_tokens == 4


def test_mu_law_is_the_formula_of_the_paper():
    # van den Oord et al. 2016, section 2.2.
    x = np.random.default_rng(0).uniform(-1, 1, (1, 1000))
    companded = np.sign(x) * np.log(1 + 255 * np.abs(x)) / np.log(256)
    tokens = Sound().to_tokens(tf.constant(x, tf.float32)).numpy()
    assert np.abs(tokens - (companded + 1) / 2 * 255).max() <= 0.5 + 1e-3
    ends = Sound().from_tokens(tf.constant([[0, 255]])).numpy()
    np.testing.assert_allclose(ends, [[-1.0, 1.0]], atol=1e-6)
    # What is rounded, once companded, is off by half a level: by 1/255, times the slope.
    restored = Sound().from_tokens(tf.constant(tokens)).numpy()
    assert np.abs(restored - x).max() < np.log(256) * (1 / 255 + 1) / 255 * 1.1


def test_what_formats_write(tmp_path):
    pictures = np.zeros((5, 2, 3, 3), np.uint8)
    pictures[1] = 6
    picture = np.array(Image.open(Images((2, 3, 3), 7).write(pictures, tmp_path / "a.png", 5)))
    assert picture.shape[2] == 3
    assert min(picture.shape[:2]) > 8  # magnified, to be looked at
    assert set(np.unique(picture)) == {0, 128, 255}
    assert len(Codes((2, 3, 1), 7).write(np.zeros((2, 2, 3, 1), int), tmp_path / "c.png").name)

    rate, sound = wavfile.read(Sound(8000).write(np.ones((2, 100)), tmp_path / "new" / "a.wav"))
    assert (rate, sound.dtype, len(sound)) == (8000, np.int16, 2 * (100 + 2000))
    text = Text("ab")
    path = text.write(text.code_points(["ab", "ba"]), tmp_path / "a.txt")
    assert path.read_text() == "ab\n\nba\n"
    points = np.loadtxt(Points(2).write(np.eye(2), tmp_path / "a.csv"), delimiter=",")
    np.testing.assert_array_equal(points, np.eye(2))
    np.testing.assert_array_equal(np.loadtxt(Tokens(9).write([[3, 8]], tmp_path / "t.txt")), [3, 8])


def test_a_place_that_cannot_be_written_keeps_what_is_there(tmp_path, format):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="output must be a place that can be written"):
        format.write(examples(format), tmp_path / "file" / f"a{format.suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_pictures_that_cannot_be_shown(tmp_path):
    with pytest.raises(ValueError, match="images must have 1 or 3 channels to be shown, received"):
        Images((2, 2, 2)).write(np.zeros((1, 2, 2, 2), np.uint8), tmp_path / "a.png")


@pytest.mark.parametrize(
    ("format", "x", "message"),
    [
        (Tokens(4), np.zeros((1, 2)), r"x must be integers \[n, any\] in \[0, 3\], received dtype"),
        (
            Tokens(4),
            np.full((1, 2), 4),
            r"x must be integers .* in \[0, 3\], received values from 4",
        ),
        (Tokens(4), np.zeros((), int), r"x must have shape \[n, any\], received \[\]"),
        (Tokens(4), np.zeros(3, int), "x must have a batch axis first"),
        (Text("ab"), np.array([[97, 99]]), "x must be among the 2 values allowed, received 99"),
        (Text("ab"), np.zeros((1, 2)), "x must be integers .* received dtype float64"),
        (Sound(), np.full((1, 2), np.nan), r"x must be floats .* in \[-1, 1\], received values"),
        (Sound(), np.full((1, 2), 1.5), r"x must be floats .* in \[-1, 1\], received values"),
        (Points(2), np.full((1, 2), np.inf), "x must be floats .* received values from inf"),
        (Codes((1, 1, 1), 300), np.full((1, 1, 1, 1), 300), "received values from 300 to 300"),
    ],
    ids=range(10),
)
def test_what_is_refused(format, x, message):
    with pytest.raises(ValueError, match=message):
        format.check(x)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Tokens(1), "num_tokens must be 2 to"),
        (lambda: Images((4, 4, 1), 257), "levels must be 2 to 256, received 257"),
        (lambda: Codes((4, 4, 1), 2**16 + 1), "levels must be 2 to 65536"),
        (lambda: Text("aa"), "vocabulary must be a str of at least two characters"),
        (lambda: Text("ab\ud800"), r"vocabulary must be whole characters, .* received '.ud800'"),
        (lambda: Tokens(2**18 + 1), "num_tokens must be 2 to 262144, received 262145"),
        (lambda: Text("ab").code_points(["abc"]), "text must be in the vocabulary, 'ab', received"),
        (lambda: Sound(0), "sample_rate must be at least 1"),
        (lambda: Points(0), "dim must be at least 1"),
    ],
    ids=range(9),
)
def test_bad_constructor_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()
