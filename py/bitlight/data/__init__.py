"""Images and labels that install offline: every loader gives uint8 (N, H, W, C) and int64 (N,)."""

from bitlight.data.animals import ANIMALS, animal_split, animals
from bitlight.data.digits import digits
from bitlight.data.fitting import fit
from bitlight.data.folder import image_files, image_folder, open_image
from bitlight.data.idx import FASHION, fashion_mnist, read_idx

__all__ = [
    "ANIMALS",
    "FASHION",
    "animal_split",
    "animals",
    "digits",
    "fashion_mnist",
    "fit",
    "image_files",
    "image_folder",
    "open_image",
    "read_idx",
]
