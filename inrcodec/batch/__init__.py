"""Encode or decode a folder of files in many processes; what was interrupted goes on.

- `places`: where files are, on this machine (`disk`) or behind URLs (`urls`);
- `inputs`: which files a folder, a pattern or a list of names stands for;
- `journal`: what of them is done, in a file beside the results;
- `planning`: what is left to do;
- `estimate`: how long the rest takes;
- `running`: one after the other of these;
- `making`: what a process does with its tasks, one by one or in the groups of `grouping`;
- `encoding` and `decoding`: what it does with one file.

Importing this package imports neither torch nor numpy.
"""

from inrcodec.batch.inputs import Found, Item, find
from inrcodec.batch.journal import Journal
from inrcodec.batch.planning import Plan, plan_of
from inrcodec.batch.running import Outcome, Step, run

__all__ = ["Found", "Item", "Journal", "Outcome", "Plan", "Step", "find", "plan_of", "run"]
