"""The T5 tokenizer: a prompt becomes the ids that the third text encoder of Stable Diffusion 3 reads.

Takes a vocabulary of SentencePiece and a length, gives ids equal to those of transformers' `T5Tokenizer`, cut and
padded to the length. As there, `</s>`, `<pad>`, `<unk>` and `<extra_id_0>` .. `<extra_id_99>` written in a prompt are
those tokens, and U+0085 is a space; SentencePiece itself differs in these two. Knows no network.
"""

from typing import Self

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from mezzotint.text.chunks import Frame
from mezzotint.text.pieces import Pieces
from mezzotint.text.taught import NOTHING, Taught, cut, units
from mezzotint.values.errors import BadValue, shorten

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
"""The first three pieces of every T5 vocabulary."""
SENTINELS = 100
"""Tokens that stood for hidden words in training; they follow the pieces, the last one first."""


class T5Tokenizer:
    """Text to ids of one vocabulary. `length` ids a text, `pad` after the end `eos`; there is no start."""

    def __init__(self, encoder: Tokenizer, length: int) -> None:
        self._encoder = encoder
        self.length = length
        self.pad, self.eos = 0, 1
        self.vocab_size = encoder.get_vocab_size()
        self.frame = Frame((), self.eos, self.pad, length)

    @classmethod
    def from_pieces(cls, vocabulary: Pieces, length: int) -> Self:
        """The tokenizer of a vocabulary (see `text.pieces`), which for SD 3 is `t5_pieces()`.

        Raises `BadValue` for a vocabulary that does not begin with T5's special tokens, a damaged table of
        replacements, or a length below 1.
        """
        if tuple(piece for piece, _ in vocabulary.pieces[:3]) != (PAD, END, UNKNOWN):
            raise BadValue(
                "vocabulary", f"does not begin with {PAD}, {END} and {UNKNOWN}", "use that of a T5"
            )
        if length < 1:
            raise BadValue("tokenizer", f"a length of {length}", "use at least 1")
        sentinels = [f"<extra_id_{i}>" for i in reversed(range(SENTINELS))]
        vocab = [*vocabulary.pieces, *((token, 0.0) for token in sentinels)]
        encoder = Tokenizer(models.Unigram(vocab, unk_id=2, byte_fallback=False))
        if vocabulary.replacements:
            encoder.normalizer = _replacing(vocabulary.replacements)
        encoder.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.WhitespaceSplit(),
                pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            ]
        )
        special: list[str | AddedToken] = [
            AddedToken(token, normalized=False) for token in (END, UNKNOWN, PAD, *sentinels)
        ]
        encoder.add_special_tokens(special)  # pyright: ignore[reportUnknownMemberType]
        return cls(encoder, length)

    def to_json(self) -> str:
        """The content of a `tokenizer.json`, which `transformers` reads; there texts end with the end token."""
        whole = Tokenizer.from_str(self._encoder.to_str())
        end = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, self.eos)])
        whole.post_processor = end
        return whole.to_str()

    def ids(self, text: str) -> tuple[int, ...]:
        """The ids of `text`, neither cut nor padded, without the end. Raises `BadValue` for half a surrogate."""
        try:
            return tuple(self._encoder.encode(text, add_special_tokens=False).ids)
        except (TypeError, UnicodeError):
            raise BadValue("prompt", "holds half a surrogate pair", "remove the broken character") from None

    def padded(self, text: str, taught: Taught = NOTHING) -> tuple[tuple[int, ...], int]:
        """`length` ids (text, end, pads), and how many ids at the end of the text did not fit.

        A taught word that does not fit whole is left out with all that follows it.
        """
        kept, lost = cut(units(text, taught, self.ids), self.length - 1)
        row = (*kept, self.eos)
        return row + (self.pad,) * (self.length - len(row)), lost


def _replacing(table: bytes) -> normalizers.Normalizer:
    try:
        return normalizers.Precompiled(table)
    except Exception as error:  # noqa: BLE001 - the library raises its own untyped exceptions
        reason = shorten(str(error), 100)
        raise BadValue("vocabulary", f"is unusable ({reason})", "use files of one model") from None
