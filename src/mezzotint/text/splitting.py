"""How CLIP cleans a text and cuts it into words, as rules for the `tokenizers` library.

Gives the two steps before byte-pair encoding: NFC, whitespace runs to one space, lower case; then contractions,
runs of letters, single digits and runs of other signs (Radford et al. 2021, `simple_tokenizer.py`; the reference
followed to the id is `CLIPTokenizer` of transformers). Knows no vocabulary.
"""

from tokenizers import Regex, normalizers, pre_tokenizers

_ENDINGS = "'t|'re|'ve|'m|'ll|'d"
WORDS = rf"<\|startoftext\|>|<\|endoftext\|>|'s|{_ENDINGS}|\p{{L}}+|\p{{N}}|[^\s\p{{L}}\p{{N}}]+"
OPEN_CLIP_WORDS = rf"'[s\u017f]|{_ENDINGS}|\p{{L}}+|\p{{N}}|[^\s\p{{L}}\p{{N}}\u0345]+"
"""Without special tokens. open_clip looks for words without regard to case. In lower case that concerns two characters:
the long s ends a word as s does, and U+0345, whose capital is a letter, is in no word at all."""


def normaliser() -> normalizers.Normalizer:
    """NFC (so composed and decomposed letters give the same ids), one space for whitespace, lower case."""
    return normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )


def splitter() -> pre_tokenizers.PreTokenizer:
    """Words, without the whitespace between them, each byte of their UTF-8 written as one letter."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def words(pattern: str) -> pre_tokenizers.PreTokenizer:
    """As `splitter`, with words of another pattern."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
