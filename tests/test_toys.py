"""What the toys' mechanisms promise beyond the contract: variants, phases, stages, averages."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import DCGAN, PixelCNN, data, random
from keras_gen.global_batch import group_means
from keras_gen.phases import PhasedModel
from keras_gen_export import runtime
from model_zoo import digits, points_alone
from toys.growing import Growing
from toys.plane import Plane
from toys.standardized import Standardized
from toys.two_levels import TwoLevels
from toys.wgan_gp import WGANGP

DIGITS = {"image_shape": (8, 8, 1), "levels": 17}


def saved_and_loaded(model, path):
    model.save(path / "model.keras")
    return keras.models.load_model(path / "model.keras")


def assert_same_weights(a, b):
    for x, y in zip(a.weights, b.weights, strict=True):
        np.testing.assert_array_equal(x, y, err_msg=x.path)


class TestVariants:
    def test_what_a_variant_passes_on_comes_back(self, tmp_path):
        model = WGANGP(**DIGITS, filters=4, penalty_weight=3.0)
        model.compile()
        loaded = saved_and_loaded(model, tmp_path)
        assert loaded.levels == 17
        assert loaded.seed == model.seed
        assert "adversarial_loss" not in model.get_config()
        assert type(loaded.adversarial_loss) is type(model.adversarial_loss)
        assert [penalty.weight for penalty in loaded.penalties] == [3.0]

    def test_a_seed_that_was_drawn_is_kept(self):
        model = DCGAN((8, 8, 1), filters=2)
        assert DCGAN.from_config(model.get_config()).seed == model.seed


def test_the_density_of_the_plane_integrates_to_one():
    model = Plane()
    model.log_scale.assign([-0.5, 0.2])
    model.slope.assign(0.7)
    side = np.linspace(-8, 8, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    cell = (side[1] - side[0]) ** 2
    assert np.exp(model.log_prob(grid)).sum() * cell == pytest.approx(1.0, abs=1e-4)
    samples = model.sample(20_000, seed=0)
    # E[-log p] of the samples is the entropy of the two normals.
    entropy = np.log(2 * np.pi * np.e) + np.sum(model.log_scale)
    assert -model.log_prob(samples).mean() == pytest.approx(entropy, abs=0.05)


class TestPhases:
    def grown(self, tmp_path, stops):
        """A model that grows in its fourth step, trained for ten, and loaded at some of them."""
        x, _ = digits(80)
        model = Growing(**DIGITS, seed=0)
        model.compile(keras.optimizers.Adam(0.01))
        for begin, end in zip([0, *stops], [*stops, 10], strict=True):
            model.fit(x[8 * begin : 8 * end], batch_size=8, shuffle=False, verbose=0)
            if end < 10:
                model = saved_and_loaded(model, tmp_path)
        return model

    @pytest.mark.parametrize("stop", [2, 3, 4, 5, 8])
    def test_resumed_on_either_side_of_the_change_and_in_the_fade(self, tmp_path, stop):
        whole, resumed = self.grown(tmp_path, []), self.grown(tmp_path, [stop])
        assert_same_weights(whole, resumed)
        for x, y in zip(whole.optimizer.variables, resumed.optimizer.variables, strict=True):
            np.testing.assert_array_equal(x, y)
        assert whole.phase == resumed.phase == 1

    def test_only_the_phases_weights_learn_and_the_optimizer_forgets(self, tmp_path):
        x, _ = digits(80)
        model = Growing(**DIGITS, seed=0)
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(x[:24], batch_size=8, verbose=0)
        assert (model.phase, float(np.abs(model.detail).max())) == (0, 0.0)
        before = model.sample(2, seed=0, temperature=0.0)
        coarse = before[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)
        np.testing.assert_array_equal(before, coarse)
        model.fit(x, batch_size=8, verbose=0)  # ten steps, the fourth of all is the new phase's
        assert (model.phase, int(model.optimizer.iterations)) == (1, 10)
        assert np.abs(model.detail).min() > 0
        # Samples are of the new phase: the graph was made anew.
        after = model.sample(2, seed=0, temperature=0.0)
        assert (after != after[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)).any()

    def test_weights_of_another_phase_bring_their_graphs(self, tmp_path):
        x, _ = digits(80)
        grown = Growing(**DIGITS, seed=0)
        grown.compile(keras.optimizers.Adam(0.01))
        at_start = grown.get_weights()
        grown.fit(x, batch_size=8, verbose=0)
        other = Growing(**DIGITS, seed=0)
        other.sample(2, seed=0)
        other.set_weights(grown.get_weights())
        np.testing.assert_array_equal(other.sample(2, seed=0), grown.sample(2, seed=0))
        # And back: the details, which are not the phase's, stay as they are.
        grown.set_weights(at_start)
        grown.fit(x[:8], batch_size=8, verbose=0)
        assert grown.phase == 0
        assert float(np.abs(grown.detail).max()) == 0.0

    def test_a_game_forgets_at_a_change_of_phase(self):
        class GrowingGAN(DCGAN, PhasedModel):
            def phase_at(self, steps):
                return int(steps >= 2)

        model = GrowingGAN(**DIGITS, filters=2, latent_dim=2)
        model.compile()
        model.fit(digits(40)[0], batch_size=8, verbose=0)
        assert model.phase == 1
        assert [int(player.iterations) for player in model.optimizer.players] == [3, 3]

    def test_the_fade_begins_at_the_coarse_picture_and_ends_at_the_whole(self):
        model = Growing(**DIGITS, grow_at=0, fade_steps=4)
        model.phase_entered.assign(1)
        model.detail.assign(np.ones((8, 8, 1)))
        means = []
        for steps in (-1, 0, 3, 100):
            model.steps.assign(steps)
            means.append(float(model.mean()[0, 0, 0]))
        assert means == [0.0, 0.25, 1.0, 1.0]


class TestStages:
    @pytest.fixture(scope="class")
    def batches(self):
        x = digits(64)[0][:, 2:6, 2:6] // 5
        return tf.data.Dataset.from_tensor_slices(x).batch(16)

    def test_each_stage_resumes_from_the_wholes_file(self, batches, tmp_path):
        model = TwoLevels((4, 4, 1), levels=4, seed=0)
        with pytest.warns(UserWarning, match="have not been trained: top, bottom"):
            model.sample(1)
        model.top.compile(keras.optimizers.Adam(0.01))
        model.top.fit(model.stage_data("top", batches), verbose=0)
        loaded = saved_and_loaded(model, tmp_path)
        for whole in (model, loaded):
            whole.top.fit(whole.stage_data("top", batches), verbose=0)
        assert_same_weights(model, loaded)
        assert int(loaded.top.optimizer.iterations) == 8
        with pytest.warns(UserWarning, match="have not been trained: bottom"):
            loaded.sample(1)

    def test_the_whole_reads_its_parts_averages(self, batches):
        model = TwoLevels((4, 4, 1), levels=4, seed=0)
        averaged = PixelCNN.from_config(model.top.get_config() | {"average_decay": 0.99})
        averaged.compile(keras.optimizers.SGD(1.0))
        averaged.fit(model.stage_data("top", batches), epochs=3, verbose=0)
        model.top = averaged
        with model.reading_averages():
            inside = np.array(averaged.trainable_weights[0].value)
        np.testing.assert_array_equal(inside, averaged._averages.twins[0])
        assert (inside != np.array(averaged.trainable_weights[0])).any()

    def test_the_parts_draw_with_noise_of_their_own(self, monkeypatch):
        model = TwoLevels((4, 4, 1), levels=4, seed=0)
        seen = []
        for part in (model.top, model.bottom):

            def spy(noise, *rest, draw=part.draw):
                seen.append(noise.bits((4,)).numpy())
                return draw(noise, *rest)

            monkeypatch.setattr(part, "draw", spy)
        model.draw(random.Noise([1, 2]), {}, {"temperature": tf.ones(2)})
        assert not np.intersect1d(*seen).size

    def test_the_parts_are_given_what_they_are_of(self, batches):
        model = TwoLevels((4, 4, 1), levels=4)
        x = next(iter(batches))
        codes = next(iter(model.stage_data("top", batches)))
        _, conditions = next(iter(model.stage_data("bottom", batches)))
        np.testing.assert_array_equal(codes, conditions["source"])
        quarter = x[:, :2, :2].numpy().mean(axis=(1, 2, 3)) / 3.0
        np.testing.assert_array_equal(codes[:, 0, 0, 0], np.minimum(quarter * 3, 2).astype(int))
        with pytest.raises(ValueError, match="name must be one of top, bottom, received 'middle'"):
            model.stage_data("middle", batches)


class TestStartAverageAndGroups:
    def compiled(self, **options):
        model = Standardized(seed=0, **options)
        model.compile(keras.optimizers.Adam(0.05))
        return model

    def test_it_starts_from_the_first_batch_once(self, tmp_path):
        x, _ = points_alone(64)
        model = self.compiled()
        model.fit(x, batch_size=16, shuffle=False, verbose=0)
        np.testing.assert_allclose(model.loc, x[:16].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(model.scale, x[:16].std(axis=0), rtol=1e-4)
        loaded = saved_and_loaded(model, tmp_path)
        for again in (model, loaded):
            again.fit(x[::-1].copy(), batch_size=16, verbose=0)
            np.testing.assert_allclose(again.loc, x[:16].mean(axis=0), rtol=1e-5)

    def test_an_iterator_gets_its_batch_back(self):
        x, _ = points_alone(64)
        models = [self.compiled(), self.compiled()]
        models[0].fit(x, batch_size=16, shuffle=False, verbose=0)
        batches = ((x[i : i + 16],) for i in range(0, 64, 16))
        models[1].fit(batches, steps_per_epoch=4, verbose=0)
        assert int(models[1].steps) == 4
        assert_same_weights(*models)

    def test_replicas_start_from_the_global_batch(self, two_replicas):
        x, _ = points_alone(64)
        with two_replicas.scope():
            model = self.compiled()
        batches = tf.data.Dataset.from_tensor_slices(x).batch(16)
        model.fit(
            two_replicas.experimental_distribute_dataset(batches), steps_per_epoch=4, verbose=0
        )
        np.testing.assert_allclose(model.loc, x[:16].mean(axis=0), rtol=1e-5)

    def test_averages_are_what_sampling_and_exports_use(self, tmp_path):
        x, _ = points_alone(64)
        model = self.compiled()
        model.fit(x, batch_size=16, epochs=3, verbose=0)
        twin = Standardized.from_config(model.get_config() | {"average_decay": None})
        names = {weight.path.rpartition("/")[2]: weight for weight in model.weights}
        for weight in twin.weights:
            name = weight.path.rpartition("/")[2]
            weight.assign(names.get(f"{name}_average", names[name]))
        np.testing.assert_allclose(model.sample(4, seed=0), twin.sample(4, seed=0), rtol=1e-6)
        twin.compile()
        raw, averaged = (model.evaluate(x, verbose=0, averages=use) for use in (False, True))
        assert raw != averaged == pytest.approx(twin.evaluate(x, verbose=0), rel=1e-6)
        model.export(tmp_path / "a", format="onnx", verbose=False)
        served = runtime.load(tmp_path / "a").sample(4, seed=0)
        np.testing.assert_allclose(served, twin.sample(4, seed=0), rtol=1e-5)

    def test_all_verbs_read_the_averages(self):
        model = PixelCNN((3, 3, 1), 2, filters=4, num_blocks=1, average_decay=0.99, seed=0)
        model.compile(keras.optimizers.SGD(0.5))
        x = (digits(32)[0][:, 2:5, 2:5] > 7).astype(np.uint8)
        model.fit(x, epochs=2, verbose=0)
        expected = model.log_prob(x)
        np.testing.assert_allclose(model(x), expected, rtol=1e-5)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
        assert model.measure(x)["nll"][0] == pytest.approx(-expected.mean(), rel=1e-5)
        raw = model.evaluate(x, verbose=0, return_dict=True)["nll"]
        assert raw != pytest.approx(-expected.mean(), rel=1e-3)
        model.evaluate(x, verbose=0, averages=True)
        assert model.test_on_batch(x, return_dict=True)["nll"] == pytest.approx(raw, rel=1e-5)
        values, total = iter(x.reshape(32, 9).T), np.zeros(32)

        def choose(parameters):
            chosen = next(values)
            total[:] += model.likelihood.log_prob(parameters, chosen).numpy()
            return chosen

        np.testing.assert_array_equal(model.step_through(choose, 32), x)
        np.testing.assert_allclose(total, expected, rtol=1e-4)
        with pytest.raises(ValueError, match="averages must be False: the model keeps none"):
            PixelCNN((3, 3, 1), 2, filters=4).evaluate(x, averages=True)

    def test_an_average_follows_slowly(self):
        model = self.compiled(average_decay=0.75)
        model.fit(points_alone(16)[0], batch_size=16, verbose=0)
        average = next(weight for weight in model.weights if weight.name == "shift_average")
        # At once in the first step, when 1 + t of 10 + t is less than the decay.
        share = 9.0 / 11.0
        np.testing.assert_allclose(average, 1.0 + share * (np.array(model.shift) - 1.0), rtol=1e-6)
        before = np.array(average)
        model.steps.assign(100)
        model.fit(points_alone(16)[0], batch_size=16, verbose=0)
        np.testing.assert_allclose(average, 0.75 * before + 0.25 * np.array(model.shift), rtol=1e-6)

    def test_moments_are_averaged_with_the_weights_beside_them(self):
        model = DCGAN(**DIGITS, filters=2, latent_dim=2, average_decay=0.9)
        model.compile()
        model.fit(data.load_arrays("digits")[0][:32], verbose=0)
        moments = model.generator.non_trainable_variables
        live = [moment.numpy() for moment in moments]
        with model.reading_averages():
            averaged = [tf.convert_to_tensor(moment.value).numpy() for moment in moments]
        assert live
        assert all((a != b).any() for a, b in zip(live, averaged, strict=True))

    def test_two_kinds_of_averages_are_refused(self):
        with pytest.raises(ValueError, match="use_ema must be off"):
            Standardized().compile(keras.optimizers.Adam(use_ema=True))
        with pytest.raises(ValueError, match=r"average_decay must be in \(0, 1\), received 1"):
            Standardized(average_decay=1.0)

    def test_examples_see_their_group_alone(self):
        x = tf.constant([[1.0], [3.0], [10.0], [20.0], [7.0]])
        means = group_means(x, 2, training=True)
        np.testing.assert_allclose(means[:, 0], [2.0, 2.0, 15.0, 15.0, 7.0])
        np.testing.assert_array_equal(group_means(x, 2, training=False), x)


def test_micro_batches_of_one_step_have_noise_of_their_own():
    # Where gradients accumulate, the optimizer's own count stands still.
    x, _, _ = data.load_arrays("digits")
    seen = []

    class Spying(DCGAN):
        def generator_terms(self, play):
            seen.append(play.noise.seeds.numpy())
            return {}

    model = Spying(**DIGITS, filters=2, latent_dim=2)
    optimizer = keras.optimizers.Adam(gradient_accumulation_steps=4)
    model.compile(optimizer, run_eagerly=True)
    model.fit(x[:32], batch_size=4, verbose=0)
    assert len(np.unique(seen)) == 32
