"""Training: data, augmentation, losses and one loop for every network. Needs the extra train."""
