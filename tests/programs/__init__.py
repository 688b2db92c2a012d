"""Programs that are run by hand: each says how in its first lines."""
