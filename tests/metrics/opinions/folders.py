"""Small folders with the layout of each data set: a few references of 48 x 64 pixels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from inrcodec.metrics.opinions.layouts import LIVE_TYPES


def picture(seed: int) -> np.ndarray:
    """A smooth image with some texture, (48, 64, 3) uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:48, 0:64]
    waves = np.stack([np.sin(x / (5 + seed + c) + y / (7 + c)) for c in range(3)], 2)
    return np.clip(128 + 70 * waves + random.normal(0, 6, waves.shape), 0, 255).astype(np.uint8)


def worse(image: np.ndarray, level: float, seed: int = 0) -> np.ndarray:
    """The image with noise of 5 `level`."""
    noise = np.random.default_rng(seed).normal(0, 5 * level, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    """Write an image into a folder that is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def kadid10k(folder: Path) -> Path:
    """Two references, two types, three levels."""
    lines = ["dist_img,ref_img,dmos,var"]
    for n in (1, 2):
        save(folder / f"images/I0{n}.png", picture(n))
        for kind in (1, 9):
            for level in (1, 2, 3):
                name = f"I0{n}_{kind:02}_{level:02}.png"
                save(folder / "images" / name, worse(picture(n), level * kind**0.5, level))
                lines.append(f"{name},I0{n}.png,{5 - level - kind / 10 + n / 100},0.5")
    (folder / "dmos.csv").write_text("\n".join(lines) + "\n")
    return folder


def tid2013(folder: Path) -> Path:
    """Names in either case, as the set has them."""
    lines = []
    for n in (1, 2):
        save(folder / f"reference_images/I0{n}.BMP", picture(n))
        for level in (1, 2, 3, 4):
            name = f"{'I' if n == 1 else 'i'}0{n}_0{1 + level % 2}_{level}.bmp"
            save(folder / "distorted_images" / name.lower(), worse(picture(n), level))
            lines.append(f"{7 - level}.5 {name}")
    (folder / "mos_with_names.txt").write_text("\n".join(lines) + "\n")
    return folder


def csiq(folder: Path) -> Path:
    """The sheet saved as a CSV."""
    lines = ["image,dst_idx,dst_type,dst_lev,dmos_std,dmos"]
    save(folder / "src_imgs/1600.png", picture(1))
    for kind, name in (("noise", "AWGN"), ("jpeg 2000", "jpeg2000")):
        for level in (1, 2, 3):
            save(
                folder / f"dst_imgs/{name.lower()}/1600.{name}.{level}.png",
                worse(picture(1), level),
            )
            lines.append(f"1600,1,{kind},{level},0.1,0.{level}")
    (folder / "csiq.DMOS.csv").write_text("\n".join(lines) + "\n")
    return folder


def live(folder: Path) -> Path:
    """Scores for all 982 images, of which all but six are references themselves."""
    from scipy.io import savemat

    save(folder / "refimgs/bikes.bmp", picture(1))
    total = sum(LIVE_TYPES.values())
    scores, originals = np.zeros((1, total)), np.ones((1, total))
    start = 0
    for kind in ("jp2k", "jpeg"):
        for n in (1, 2, 3):
            save(folder / kind / f"img{n}.bmp", worse(picture(1), n))
            scores[0, start + n - 1], originals[0, start + n - 1] = 10 * n, 0
        start += LIVE_TYPES[kind]
    names = np.empty((1, total), object)
    names[0, :] = "bikes.bmp"
    savemat(folder / "dmos.mat", {"dmos": scores, "orgs": originals})
    savemat(folder / "refnames_all.mat", {"refnames_all": names})
    return folder


def pipal(folder: Path) -> Path:
    """Two labels, distorted images in two folders."""
    (folder / "Train_Label").mkdir()
    for n in (1, 2):
        save(folder / f"Train_Ref/A000{n}.bmp", picture(n))
        lines = []
        for level in (0, 1, 2):
            name = f"A000{n}_0{n}_0{level}.bmp"
            save(folder / f"Distortion_{n}/{name}", worse(picture(n), level + 1))
            lines.append(f"{name},{1500 - 40 * level}.5")
        (folder / f"Train_Label/A000{n}.txt").write_text("\n".join(lines) + "\n")
    return folder


def bapps(folder: Path) -> Path:
    """People agree in `cnn`, and are of two minds in `color`."""
    for kind, shares in {"cnn": (0.0, 1.0, 0.8), "color": (0.4, 0.6)}.items():
        home = folder / "2afc/val" / kind
        (home / "judge").mkdir(parents=True)
        for n, share in enumerate(shares):
            near, far = worse(picture(n), 1), worse(picture(n), 5)
            save(home / f"ref/{n:06}.png", picture(n))
            save(home / f"p0/{n:06}.png", far if share >= 0.5 else near)
            save(home / f"p1/{n:06}.png", near if share >= 0.5 else far)
            np.save(home / f"judge/{n:06}.npy", np.array([share]))
    return folder


def nights(folder: Path) -> Path:
    """Three choices of the test split, of which the last goes against PSNR; one for training."""
    lines = ["id,left_vote,right_vote,ref_path,left_path,right_path,split,is_imagenet"]
    for n, (right, split) in enumerate([(1, "test"), (0, "test"), (1, "test"), (1, "train")]):
        near, far = worse(picture(n), 1), worse(picture(n), 5)
        if n == 2:
            near, far = far, near
        save(folder / f"ref/{n}.png", picture(n))
        save(folder / f"distort/{n}_0.png", far if right else near)
        save(folder / f"distort/{n}_1.png", near if right else far)
        paths = f"ref/{n}.png,distort/{n}_0.png,distort/{n}_1.png"
        lines.append(f"{n},{1 - right},{right},{paths},{split},True")
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    return folder


FOLDERS: dict[str, Callable[[Path], Path]] = {
    "kadid10k": kadid10k,
    "tid2013": tid2013,
    "csiq": csiq,
    "live": live,
    "pipal": pipal,
    "bapps": bapps,
    "nights": nights,
}
