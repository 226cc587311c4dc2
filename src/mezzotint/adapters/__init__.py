"""What changes a model without editing it: LoRA and its kin, textual inversions."""
