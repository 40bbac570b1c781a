from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protolabel as pl
from protolabel.evaluation.calibration import calibration_error, error_auroc, found_errors

pairs = st.lists(st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1)


def arrays(table):
    return np.array([p for p, _ in table]), np.array([hit for _, hit in table])


class TestCalibrationError:
    def test_closed_form(self):
        # Four images at 0.8 of which half are right, one at 0.2 that is right.
        p, right = [0.8, 0.8, 0.8, 0.8, 0.2], np.array([True, True, False, False, True])
        assert calibration_error(p, right) == pytest.approx((4 * 0.3 + 1 * 0.8) / 5)

    def test_what_is_right_as_often_as_it_says_has_none(self):
        p = np.repeat([0.25, 0.5, 0.75, 1.0], 4)
        right = np.array([1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1], bool)
        assert calibration_error(p, right) == pytest.approx(0)

    def test_with_one_bin_it_is_the_difference_of_the_means(self):
        p, right = np.array([0.1, 0.5, 0.9]), np.array([True, False, True])
        assert calibration_error(p, right, bins=1) == pytest.approx(2 / 3 - 0.5)

    def test_agreement_1_is_in_the_last_bin(self):
        assert calibration_error([1.0, 1.0], np.array([True, False])) == 0.5

    def test_no_images(self):
        assert math.isnan(calibration_error([], np.array([], bool)))

    @pytest.mark.parametrize("p", [[1.5, 0.2], [-0.1, 0.2]])
    def test_probabilities_outside_0_to_1_are_refused(self, p):
        with pytest.raises(pl.InputError, match=r"in 0\.\.1"):
            calibration_error(p, np.array([True, False]))

    def test_zero_bins_are_refused(self):
        with pytest.raises(pl.InputError, match="at least 1"):
            calibration_error([0.5], np.array([True]), bins=0)


class TestErrorAuroc:
    def test_closed_form(self):
        # Of the four pairs of a right and a wrong one, three are in order.
        assert error_auroc([0.9, 0.5, 0.6, 0.2], np.array([True, True, False, False])) == 0.75

    def test_every_error_below_every_right_label(self):
        assert error_auroc([0.1, 0.2, 0.3], np.array([False, True, True])) == 1
        assert error_auroc([0.3, 0.2, 0.1], np.array([False, True, True])) == 0

    def test_ties_count_half(self):
        assert error_auroc([0.5, 0.5, 0.5], np.array([False, True, True])) == 0.5

    @pytest.mark.parametrize("right", [[True, True], [False, False], []])
    def test_without_right_or_without_wrong_labels_it_is_nan(self, right):
        assert math.isnan(error_auroc(np.ones(len(right)), np.array(right, bool)))

    @given(pairs)
    def test_it_is_the_fraction_of_ordered_pairs(self, table):
        p, right = arrays(table)
        if right.all() or not right.any():
            return
        difference = p[right][:, None] - p[~right]
        want = np.mean((difference > 0) + 0.5 * (difference == 0))
        assert error_auroc(p, right) == pytest.approx(want)


class TestFoundErrors:
    def test_closed_form(self):
        p, right = [0.1, 0.2, 0.3, 0.4], np.array([False, True, False, True])
        assert [found_errors(p, right, s) for s in (0, 0.25, 0.5, 0.75, 1)] == [0, 0.5, 0.5, 1, 1]

    def test_ties_are_looked_at_in_any_order(self):
        assert found_errors([0.5] * 4, np.array([False, True, True, True]), 0.25) == 0.25

    def test_without_an_error_there_is_none_to_find(self):
        assert math.isnan(found_errors([0.5], np.array([True]), 0.5))

    @given(pairs, st.floats(0, 1))
    def test_it_grows_from_nothing_to_all(self, table, share):
        p, right = arrays(table)
        if right.all():
            return
        found = found_errors(p, right, share)
        assert 0 <= found <= found_errors(p, right, min(1, share + 0.1)) + 1e-9 <= 1 + 2e-9

    def test_a_share_above_1_is_refused(self):
        with pytest.raises(pl.InputError, match="share"):
            found_errors([0.5], np.array([False]), 20)


@pytest.mark.parametrize("right", [np.array([True]), np.array([1, 0]), np.array([[True, False]])])
def test_what_does_not_fit_is_refused(right):
    with pytest.raises(pl.InputError, match="of the same images"):
        error_auroc([0.5, 0.6], right)
