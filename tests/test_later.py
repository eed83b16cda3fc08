"""A module put off is the module itself as soon as something of it is used."""

import subprocess
import sys


def test_a_module_that_is_put_off_is_there_when_it_is_used() -> None:
    code = """
import sys
from orchestration.later import import_later

import_later("colorsys")
import colorsys
before = "hsv_to_rgb" in vars(sys.modules["colorsys"])
found = colorsys.hsv_to_rgb(0, 0, 1)
from colorsys import rgb_to_hsv
print(before, found, rgb_to_hsv(1, 1, 1), sys.modules["colorsys"] is not colorsys)
import_later("json")
import json
print(json.loads("[1]"), hasattr(json, "nothing"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False (1, 1, 1) (0.0, 0.0, 1) True", "[1] False"]


def test_great_expectations_is_imported_without_the_statistics() -> None:
    """It is what a third of its import would be; where this fails, it has come to use them."""
    code = """
import sys, warnings
warnings.simplefilter("ignore")
import expectations.checkpoint
print("scipy.stats._stats_py" in sys.modules)
from scipy import stats
print(round(stats.entropy([0.5, 0.5]), 4))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0.6931"]
