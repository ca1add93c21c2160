"""Training pictures that the project draws itself: subjects with alpha, and backgrounds without a subject.

    colours, alpha = subject(np.random.default_rng(0), 256)
    image = scene(np.random.default_rng(0), 288, 384)
    write("OUT", subjects=6000, scenes=1200, seed=0)      # OUT/cutouts, OUT/backgrounds, as `kirie train` reads them

They stand for what photos with free masks lack: vehicles, boats, buildings, furniture, wild animals, plants, thin things, groups, and
things without a name that merely differ from their surroundings and cohere.
"""

from .scenes import SCENES, scene
from .sheet import contact
from .subjects import KINDS, subject
from .writing import write

__all__ = ["KINDS", "SCENES", "contact", "scene", "subject", "write"]
