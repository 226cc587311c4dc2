"""What each published kind of model is made of: the only place that says SD 1.5."""
