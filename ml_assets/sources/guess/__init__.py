"""Looking at exports that nobody has described yet, to propose the settings that read them."""
