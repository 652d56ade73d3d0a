"""Images and labels: data sets that install offline, and readers for folders that a user has.

Every loader of a data set that installs gives uint8 (N, H, W, C) and int64 (N,), and those of
CIFAR, STL-10 and SVHN the classes' names as well; those of folders give an `ImageSplit` or a
`Listing` of files, which are read later.
"""

from bitlight.data.animals import ANIMALS, animal_split, animals
from bitlight.data.birds import birds200
from bitlight.data.cifar import cifar
from bitlight.data.classfolders import class_folders
from bitlight.data.digits import digits
from bitlight.data.fitting import fit
from bitlight.data.flowers import flowers102
from bitlight.data.folder import image_files, image_folder, open_image
from bitlight.data.idx import FASHION, fashion_mnist, read_idx
from bitlight.data.imagesplit import ImageSplit
from bitlight.data.indoor import indoor67
from bitlight.data.labelled import Listing, Pixels
from bitlight.data.placing import Placing
from bitlight.data.splitting import Split
from bitlight.data.stl10 import stl10
from bitlight.data.svhn import svhn
from bitlight.data.tinyimagenet import tiny_imagenet
from bitlight.data.views import Views

__all__ = [
    "ANIMALS",
    "FASHION",
    "ImageSplit",
    "Listing",
    "Pixels",
    "Placing",
    "Split",
    "Views",
    "animal_split",
    "animals",
    "birds200",
    "cifar",
    "class_folders",
    "digits",
    "fashion_mnist",
    "fit",
    "flowers102",
    "image_files",
    "image_folder",
    "indoor67",
    "open_image",
    "read_idx",
    "stl10",
    "svhn",
    "tiny_imagenet",
]
