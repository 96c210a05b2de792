"""What several methods that learn with the detector are made of."""
