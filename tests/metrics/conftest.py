"""Images that the tests of metrics share."""

import pytest


@pytest.fixture(scope="module")
def astronaut():
    from skimage import data

    return data.astronaut()[40:251, 100:427]  # odd sides, above 161
