"""Arrays of numbers by host, by server, or by both."""

from typing import Any

import numpy as np

#: Of cores, MiB or whatever is counted; of a row for each resource class,
#: where it is of several.
Amounts = np.ndarray[Any, np.dtype[np.float64]]
#: True or false each.
Mask = np.ndarray[Any, np.dtype[np.bool_]]
