"""Measure how good a decoded image is, and compare codecs.

    from inrcodec.metrics import Judge, compare

    compare("a.png", "b.png", ["psnr", "ssim"])      # {"psnr": 31.2, "ssim": 0.93}
    judge = Judge("a.png", ["inriq", "iem"])         # prepares the reference once
    scores = [judge.score(other) for other in ("b.png", "c.png")]

One folder holds one idea:

- `quality`: the metrics themselves, one file a metric, and what they share;
- `distortions`: the distortions of KADID-10k, and how metrics respond to them;
- `opinions`: data sets of opinions, and how well metrics agree with them;
- `references`: other codecs (JPEG, WebP, AVIF, ...) at a quality or to a size;
- `curves`: rate-distortion measurements and Bjøntegaard deltas;
- `damage`: how an image suffers when weights, symbols or packets are damaged;
- `report`: files judged against their reference, of one image or several, as records, a page,
  text or JSON.

Beside them, `metric_table` lists the metrics by name, `judge` scores with them, `correlation` has
the statistics of agreement, and `metric_losses` turns two metrics into training losses of the
encoder. Importing this package imports neither torch nor numpy.
"""

from inrcodec.metrics.judge import Judge, compare
from inrcodec.metrics.metric_facts import Metric
from inrcodec.metrics.metric_table import DEFAULT_METRICS, METRICS, metric

__all__ = ["DEFAULT_METRICS", "METRICS", "Judge", "Metric", "compare", "metric"]
