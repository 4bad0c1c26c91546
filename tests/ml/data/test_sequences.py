"""What was done at one time is learned in no order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml.data.sequences import CONTEXT, OF_EVENT, Sequences


def test_events_of_one_time_change_places_and_nothing_else_does() -> None:
    times = np.array([1, 1, 1, 2, 3, 3, 1, 1, 1, 1])
    events = np.arange(len(times))
    context = (10 * np.arange(CONTEXT) + events[:, None]).astype(np.uint8)
    shop = Sequences(pa.array(["a", "b", "c"]), np.array([0, 6, 6, 10]), times, events, context, times)
    orders = set()
    for key in range(20):
        drawn = shop.shuffled(np.array([2, 0]), np.array([key, key + 1], np.uint64))
        assert drawn.user_ids.to_pylist() == ["c", "a"]
        plain = shop.part(np.array([2, 0]))
        assert [sorted(part) for part in np.split(drawn.items, [4, 7, 8])] == [[6, 7, 8, 9], [0, 1, 2], [3], [4, 5]]
        np.testing.assert_array_equal(drawn.times, plain.times)
        np.testing.assert_array_equal(drawn.context_EC[:, OF_EVENT:], plain.context_EC[:, OF_EVENT:])
        np.testing.assert_array_equal(drawn.context_EC[:, 0], drawn.items)  # an event keeps its own type and price
        orders.add(tuple(drawn.items))
        alone = shop.shuffled(np.array([0]), np.array([key + 1], np.uint64))
        np.testing.assert_array_equal(alone.items, drawn.items[4:])  # whoever else is in the step
    assert len(orders) > 15
