"""Settings of the test suite."""

from hypothesis import settings

settings.register_profile("netcalc", deadline=None, derandomize=True, max_examples=200)
settings.load_profile("netcalc")


def pytest_addoption(parser):
    parser.addoption("--refresh-goldens", action="store_true", help="write the golden files anew instead of comparing")
