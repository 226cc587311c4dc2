"""English for captions: articles, plurals, and noun phrases.

Takes plain names such as "cup of coffee". Gives phrases. Knows no pictures and draws no random numbers.
"""

from types import MappingProxyType

NUMBERS = MappingProxyType({2: "two", 3: "three", 4: "four"})
"""Count words."""

SAME = frozenset(
    "sheep deer fish squid shrimp bison moose elk buffalo pufferfish blowfish clownfish jellyfish"
    " aircraft salmon dice".split()
)
"""Nouns whose plural is the same."""
IRREGULAR = MappingProxyType(
    {
        "mouse": "mice",
        "goose": "geese",
        "ox": "oxen",
        "foot": "feet",
        "tooth": "teeth",
        "die": "dice",
        "child": "children",
        "person": "people",
        "wolf": "wolves",
        "knife": "knives",
        "leaf": "leaves",
        "loaf": "loaves",
        "scarf": "scarves",
        "hero": "heroes",
        "potato": "potatoes",
        "tomato": "tomatoes",
        "mango": "mangoes",
        "volcano": "volcanoes",
        "tornado": "tornadoes",
        "mosquito": "mosquitoes",
        "buffalo": "buffaloes",
        "bus": "buses",
        "trolleybus": "trolleybuses",
        "minibus": "minibuses",
        "quiz": "quizzes",
        "bacterium": "bacteria",
        "abacus": "abacuses",
    }
)
BREAKS = (
    " of ",
    " with ",
    " in ",
    " on ",
    " from ",
    " without ",
    " behind ",
    " over ",
    " under ",
    " and ",
    " at ",
)
"""Words after which a name is no longer its head noun."""
LIKE_CONSONANT = ("uni", "ufo", "eu", "one", "ewe", "ut", "usb", "ukulele")
LIKE_VOWEL = ("hour", "honest", "x-ray", "suv")


def article(phrase: str) -> str:
    """ "a" or "an", by the sound that the phrase begins with."""
    word = phrase.lower()
    if word.startswith(LIKE_VOWEL):
        return "an"
    return "an" if word[:1] in "aeiou" and not word.startswith(LIKE_CONSONANT) else "a"


def plural(name: str) -> str:
    """The plural of a name; the head noun takes it: "cups of coffee"."""
    cut = min((place for mark in BREAKS if (place := name.find(mark)) > 0), default=len(name))
    head, rest = name[:cut], name[cut:]
    before, space, last = head.rpartition(" ")
    return f"{before}{space}{_plural_word(last)}{rest}"


def _plural_word(word: str) -> str:
    if word in SAME:
        return word
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word.endswith("man") and word not in ("human", "caiman", "talisman"):
        return f"{word[:-3]}men"
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


def noun_phrase(
    name: str, adjectives: tuple[str, ...] = (), *, count: int = 1, bare: bool, unique: bool
) -> str:
    """ "a small red car", "three apples", "yellow scissors", "the sun".

    `bare` names take no article; `unique` ones take "the" unless an adjective makes them one of many.
    """
    if count > 1:
        return " ".join((NUMBERS[count], *adjectives, plural(name)))
    phrase = " ".join((*adjectives, name))
    if bare:
        return phrase
    if unique and not adjectives:
        return f"the {phrase}"
    return f"{article(phrase)} {phrase}"
