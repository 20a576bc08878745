"""What SSIMULACRA2 is: the numbers of its colours, its Gaussian, its weights and its scale.

The definition is libjxl's `tools/ssimulacra2.cc`, version 2.1 of 2023. Its Gaussian is
Charalampidis, "Recursive Implementation of the Gaussian Filter Using Truncated Cosine Functions",
IEEE Trans. Signal Processing 2016; the numbers in brackets below are its equations. Importing this
imports no torch.
"""

from __future__ import annotations

from functools import cache

import numpy as np

SMALLEST_SIDE = 8
SCALES = 6
SIGMA, RADIUS = 1.5, 5
C2 = 0.0009

ABSORBANCE = ((0.3, 0.622, 0.078), (0.23, 0.692, 0.078), (0.243422689, 0.204767444, 0.551809867))
"""Of linear RGB by three kinds of cones (rows), in libjxl's XYB colour space."""
BIAS = 0.0037930732552754493

MIX = 0.9562382616834844
POLYNOMIAL = (6.248496625763138e-05, -0.020884521182843837, 2.326765642916932)
POWER = 0.6276336467831387

# Of X, Y and B in turn, two lines for each scale: the means of what is dissimilar, of edges added
# and of edges lost, and their 4-norms.
# fmt: off
WEIGHTS = (
    0.0, 0.0007376606707406586, 0.0,
    0.0, 0.0007793481682867309, 0.0,
    0.0, 0.0004371155730107379, 0.0,
    1.1041726426657346, 0.00066284834129271, 0.00015231632783718752,
    0.0, 0.0016406437456599754, 0.0,
    1.8422455520539298, 11.441172603757666, 0.0,
    0.0007989109436015163, 0.000176816438078653, 0.0,
    1.8787594979546387, 10.94906990605142, 0.0,
    0.0007289346991508072, 0.9677937080626833, 0.0,
    0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053,
    0.0004550992113792063, 0.0, 0.0,
    0.0013648766163243398, 0.0, 0.0,
    0.0, 0.0, 0.0,
    7.466890328078848, 0.0, 17.445833984131262,
    0.0006235601634041466, 0.0, 0.0,
    6.683678146179332, 0.00037724407979611296, 1.027889937768264,
    225.20515300849274, 0.0, 0.0,
    19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
    176.39317598450694, 0.0, 0.0,
    24.43300999870476, 0.28520802612117757, 0.0004485436923833408,
    0.0, 0.0, 0.0,
    34.77906344483772, 44.835625328877896, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0008680556573291698, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0005313191874358747, 0.0,
    0.00016533814161379112, 0.0, 0.0,
    0.0, 0.0, 0.0,
    0.0004179171803251336, 0.0017290828234722833, 0.0,
    0.0020827005846636437, 0.0, 0.0,
    8.826982764996862, 23.19243343998926, 0.0,
    95.1080498811086, 0.9863978034400682, 0.9834382792465353,
    0.0012286405048278493, 171.2667255897307, 0.9807858872435379,
    0.0, 0.0, 0.0,
    0.0005130064588990679, 0.0, 0.00010854057858411537,
)
# fmt: on


@cache
def taps() -> tuple[float, ...]:
    """The truncated cosines of the Gaussian, as taps: those at the radius itself are 0."""
    omega = np.array([1, 3, 5]) * np.pi / (2 * RADIUS)
    p = np.array([1, -1, 1]) / np.tan(omega / 2)  # (37)
    r = np.array([1, -1, 1]) * p * p / np.sin(omega)  # (44)
    rho = np.exp(-(SIGMA**2) * omega**2 / 2) / RADIUS  # (50)
    least_squares = np.cross(p, r)  # (52)
    least_squares /= least_squares[2]
    unknowns = np.stack([p, r, least_squares])  # (56)
    wanted = np.array([1.0, RADIUS**2 - SIGMA**2, least_squares @ rho])  # (55)
    beta = np.linalg.inv(unknowns) @ wanted  # (53)
    places = np.arange(1 - RADIUS, RADIUS)
    return tuple(float(tap) for tap in np.cos(np.outer(places, omega)) @ beta)
