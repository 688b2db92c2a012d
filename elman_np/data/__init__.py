"""Where series come from, and what is made of them before a network sees them; knows nothing of networks."""
