"""The data rules and the runner that has Great Expectations check them."""
