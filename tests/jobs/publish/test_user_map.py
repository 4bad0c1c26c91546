"""Users as points in the plane."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.publish.user_map import in_the_plane


@pytest.mark.parametrize(("users", "inputs"), [(1, 5), (2, 1), (9, 3)])
def test_few_users_and_few_inputs_have_points_too(users: int, inputs: int):
    points = in_the_plane(np.random.default_rng(1).random((users, inputs)))
    assert points.shape == (users, 2)
    assert np.isfinite(points).all()
