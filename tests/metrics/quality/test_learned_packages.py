"""LPIPS and DISTS against the packages `lpips` and `DISTS_pytorch`, from the same weight files.

The trunks are random where nobody has trained ones: enough to compare two implementations. With the
trained weights of LPIPS-SqueezeNet beside the checkout, photographs are compared too.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from inrcodec.metrics.quality import dists, lpips, weights
from tests.metrics.noise import noisy
from tests.metrics.quality.torchvision import imported

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of torchvision, for old callers

NETS = {
    "alex": ("alexnet", "alexnet", lpips.lpips_alex),
    "squeeze": ("squeezenet", "squeezenet1_1", lpips.lpips_squeeze),
    "vgg": ("vgg16", "vgg16", lpips.lpips_vgg),
}


def tensor(image):
    """Values in [0, 1], (1, 3, H, W), float32."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of weights; nothing loaded before or after is taken for them."""
    monkeypatch.setenv(weights.FOLDER, str(tmp_path))
    for each in weights.WEIGHTS.values():
        monkeypatch.delenv(each.variable, raising=False)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", _refused)
    for cache in (lpips._state, dists._state):
        cache.cache_clear()
    yield tmp_path
    for cache in (lpips._state, dists._state):
        cache.cache_clear()


def _refused(*arguments, **keywords):
    raise AssertionError("a test must not download")


def trunk(name, function, folder, monkeypatch):
    """Make torchvision's network with random weights, for all callers and as a file."""
    models = imported("torchvision").models
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = getattr(models, function)(weights=None)
    torch.save(network.state_dict(), folder / weights.WEIGHTS[name].file)
    monkeypatch.setattr(models, function, lambda **options: network)


@pytest.mark.parametrize("net", NETS)
def test_lpips_is_its_package_with_the_same_trunk(net, folder, monkeypatch, astronaut):
    name, function, ours = NETS[net]
    trunk(name, function, folder, monkeypatch)
    package = imported("lpips").LPIPS(net=net, verbose=False)  # its linear heads, trained
    for other in (noisy(astronaut, 5), noisy(astronaut, 40), np.roll(astronaut, 2, 1)):
        with torch.no_grad():
            expected = float(package(tensor(astronaut), tensor(other), normalize=True))
        assert expected > 0
        assert float(ours(astronaut, other)) == pytest.approx(expected, rel=1e-4)
    assert float(ours(astronaut, astronaut)) == 0


def test_lpips_of_trained_weights_is_its_package(shared, monkeypatch, astronaut):
    file = shared / "weights/lpips_squeeze_v0.1_full.npz"
    if not file.is_file():
        pytest.skip("no trained weights beside this checkout")
    monkeypatch.setenv("INRCODEC_LPIPS_SQUEEZE", str(file))
    lpips._state.cache_clear()
    package = imported("lpips").LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    arrays = weights.load("lpips-squeeze-full")
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    missing, unexpected = package.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.startswith(("lin", "scaling_layer")) for name in missing)  # lins.* are lin*
    for other in (noisy(astronaut, 5), noisy(astronaut, 40), np.roll(astronaut, 2, 1)):
        with torch.no_grad():
            expected = float(package(tensor(astronaut), tensor(other), normalize=True))
        assert float(lpips.lpips_squeeze(astronaut, other)) == pytest.approx(expected, rel=1e-4)
    lpips._state.cache_clear()


def test_dists_is_its_package_with_the_same_trunk(folder, monkeypatch, astronaut):
    trunk("vgg16", "vgg16", folder, monkeypatch)
    module = imported("DISTS_pytorch.DISTS_pt")
    package = module.DISTS(load_weights=False)
    trained = torch.load(Path(module.__file__).with_name("weights.pt"), weights_only=True)
    package.alpha.data, package.beta.data = trained["alpha"], trained["beta"]
    for other in (noisy(astronaut, 5), noisy(astronaut, 40), np.roll(astronaut, 2, 1)):
        with torch.no_grad():
            expected = float(package(tensor(astronaut), tensor(other)))
        assert expected > 0
        assert float(dists.dists(astronaut, other)) == pytest.approx(expected, abs=1e-5)
