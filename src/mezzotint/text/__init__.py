"""From words to token ids: vocabularies and tokenizers. Knows no torch."""
