"""Methods that learn with the detector need what tests of the detector need."""

from tests.medmnist_det.reference.conftest import blind as blind
from tests.medmnist_det.reference.conftest import one_thread as one_thread
