"""Turn-end models: does whoever said this want to go on? One file each."""
