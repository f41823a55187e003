"""Prints the datasets of numbers of HDF5 files, as h5py reads them: path, shape, SHA-256 of the bytes, offset in the file."""
import hashlib, json, sys
import h5py
import numpy as np


def describe(path):
    found = {}

    def visit(name, item):
        if not isinstance(item, h5py.Dataset) or item.shape is None or item.dtype.kind not in "fiubc":
            return
        try:
            values = np.asarray(item[()])
            data = values.astype(values.dtype.newbyteorder("<")).tobytes()
            found[name] = [list(item.shape), hashlib.sha256(data).hexdigest(), item.id.get_offset()]
        except OSError:
            pass

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError:
        return None
    except KeyError:
        # What comes after an object that this HDF5 is too old for is not visited.
        pass
    return found


print(json.dumps({path: describe(path) for path in sys.argv[1:]}))
