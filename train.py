"""Fits a model package: ``python train.py --help``. The work is in ``segmentation.training``."""

import sys

from segmentation.training.command_line import main

if __name__ == "__main__":
    sys.exit(main())
