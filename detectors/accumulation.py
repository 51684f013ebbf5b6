"""A CUSUM (Page 1954) of standard scores, and how much of each score its predecessor already said; eight numbers a series.

S = max(0, S + z/f - k). Scores that follow each other make runs by themselves: a sum of them is wider than of independent ones by f. With a
correlation rho of neighbours alone f² = (1 + rho) / (1 - rho). A series without siblings to take it out has a slow wobble under quick
noise, so that its neighbours tell too little: a wobble of memory w, of which rho is what the noise leaves to see, makes it
f² = 1 + 2 rho / (1 - w), w by the hour however many windows it has. It is measured, too, as the variance of a running mean of a day over
that of independent scores, which takes weeks; the largest counts. Two in a row are as telling as two independent ones only at
z / sqrt(1 + rho).

What is expected is itself known from N windows only, worth N/f² independent ones. It is off by a normal e of spread f/sqrt(N), for long,
and the chance of a height h grows by e^(2he/f); over all e that is a factor of e^(2h²/N) on the average, and a single score is wider by
sqrt(1 + f²/N).
"""

import numpy as np
from scipy import special

from detectors.budget import cusum_rate
from detectors.protocol import Column, States, Truth

REFERENCE = 0.4  # k: half a change of four fifths of a standard deviation a window; what is larger needs few windows anyway
HIGHEST = 14.0  # beyond what any budget asks for, and so near that it comes down soon after the fault
CLIP = 4.0  # one window adds at most so much: a lone outlier is no lasting change
MEMORY = 504.0
KEEP = 1.0 - 1.0 / MEMORY
TRUSTED = 2.5  # a score beyond it says little about correlation
PRIOR = 5.0  # windows' worth of "not correlated"
RUN = 1.0 / 32.0  # weight of the newest score of an hour in the running mean
WOBBLE = 0.875  # what is left of a slow wobble after an hour: what moves a whole fades over a working day
LATE = 1.0 / 8.0  # weight of the newest in the mean of the latest: a fault that ends is forgotten in a few windows
CALM = 150.0  # hours' worth of "no slow wobble"

# The evidence of past windows of a series: the CUSUM; the last score, sums of scores by their predecessors and of squares; the running mean
# of scores and its variance, 1 for independent ones; windows seen; the mean of the latest scores.
HEIGHT, BEFORE, PRODUCT, POWER, MEAN, WIDE, WINDOWS, LATELY = range(8)
WIDTH = 8


def fresh(series: int) -> States:
    """Return the evidence of so many series of which nothing was seen."""
    found = np.zeros((series, WIDTH))
    found[:, POWER], found[:, WIDE] = PRIOR, 1.0
    return found


def correlation(past: States) -> Column:
    """Return the lag-one correlation of the scores, 0 to 0.95."""
    return np.minimum(0.95, np.maximum(0.0, past[:, PRODUCT] / past[:, POWER]))


def stretch(past: States, wobbles: Truth | bool, visits: float = 1.0) -> Column:
    """Return f²: how much wider in variance a long sum is than one of independent scores; `wobbles` where no siblings are there.

    `visits` is how many windows an hour has, at least 1.
    """
    rho = correlation(past)
    near = (1.0 + rho) / (1.0 - rho)
    slow = 1.0 + 2.0 * rho / (1.0 - WOBBLE ** (1.0 / visits))
    return np.where(wobbles, np.maximum(np.maximum(near, slow), past[:, WIDE]), near)


def single(past: States, z: Column, known: Column | float, stretch: Column) -> Column:
    """Return a window's score as M of N may count it, where `known` windows say what is expected."""
    return z / np.sqrt((1.0 + correlation(past)) * (1.0 + stretch / np.maximum(1.0, known)))


def after(past: States, z: Column, stretch: Column) -> Column:
    """Return how high the CUSUM would stand with one more score."""
    return np.minimum(HIGHEST, np.maximum(0.0, past[:, HEIGHT] + np.minimum(z, CLIP) / np.sqrt(stretch) - REFERENCE))


def rate(past: States, z: Column, known: Column | float, stretch: Column) -> Column:
    """Return the chance per window of so high a CUSUM where `known` windows say what is expected.

    1 in a window that does not raise it: there its height is memory.
    """
    return np.where(z > REFERENCE, doubted(after(past, z, stretch), REFERENCE, known), 1.0)


def learn(past: States, z: Column, stretch: Column, following: Truth | bool = True, visits: float = 1.0) -> States:
    """Return the evidence with one more score; not `following` where scores are known not to follow each other."""
    weight = RUN / visits
    found = np.empty_like(past)
    before, seen = past[:, BEFORE], past[:, WINDOWS] + 1.0
    now = np.where(following, np.minimum(TRUSTED, np.maximum(-TRUSTED, z)), 0.0)
    run = past[:, MEAN] + (now - past[:, MEAN]) * weight
    found[:, HEIGHT] = after(past, z, stretch)
    found[:, BEFORE] = now
    found[:, PRODUCT] = past[:, PRODUCT] * KEEP + now * before
    found[:, POWER] = past[:, POWER] * KEEP + before * before
    found[:, MEAN] = run
    wide = run * run * ((2.0 - weight) / weight)
    found[:, WIDE] = past[:, WIDE] + (wide - past[:, WIDE]) / np.minimum(MEMORY * visits, CALM * visits + seen)
    found[:, WINDOWS] = seen
    found[:, LATELY] = past[:, LATELY] + (np.minimum(CLIP, np.maximum(-CLIP, z)) - past[:, LATELY]) * LATE
    return found


def lasting(deviation: Column) -> Column:
    """Return a mean of the latest scores drawn to 0 by what chance makes of it (James & Stein 1961)."""
    square, chance = deviation * deviation, LATE / (2.0 - LATE)
    return np.where(square > chance, deviation * (1.0 - chance / np.maximum(square, chance)), 0.0)


def doubted(height: Column, reference: float, known: Column | float) -> Column:
    """Return the chance per window of a CUSUM of this height where what is expected is known from so many windows."""
    grown = special.expm1(2.0 * height * height / np.maximum(1.0, known)) + 1.0
    found: Column = np.minimum(1.0, cusum_rate(height, reference) * grown)
    return found
