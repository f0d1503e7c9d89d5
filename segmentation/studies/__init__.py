"""The studies, one readable file each. Only the build side imports them."""

from segmentation.studies.mobile import MOBILE
from segmentation.study import Study

STUDIES: dict[str, Study] = {study.name: study for study in (MOBILE,)}
