"""What the engine can tell people: of files, prompts, models and this machine, as reports and sheets."""
