"""Names become placeholders: `[COMPANY]`, the word the models were trained on, and on demand two more."""

from streams.normalisation.matches import ADDRESS, COMPANY, PERSON, Match, NormalisedText
from streams.normalisation.normaliser import Normaliser

__all__ = ["ADDRESS", "COMPANY", "PERSON", "Match", "NormalisedText", "Normaliser"]
