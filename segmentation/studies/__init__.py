"""The studies, one readable file each. Only the build side imports them."""

from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.studies.household import HOUSEHOLD
from segmentation.studies.mobile import MOBILE
from segmentation.studies.retail import RETAIL
from segmentation.study import Study

_ALL = (MOBILE, HOUSEHOLD, CREDIT_CARD, RETAIL)
STUDIES: dict[str, Study] = {study.name: study for study in _ALL}
# Its package is model.bin; those of the others are in the folder models.
DEFAULT_STUDY = MOBILE.name
