from nio.charset._charset import Charset as Charset
from nio.charset._charset import CharsetDecoder as CharsetDecoder
from nio.charset._charset import CharsetEncoder as CharsetEncoder
from nio.charset._charset import StandardCharsets as StandardCharsets
from nio.charset._coder_result import CoderResult as CoderResult
from nio.charset._coder_result import CodingErrorAction as CodingErrorAction

__all__ = [
    "Charset",
    "CharsetDecoder",
    "CharsetEncoder",
    "CoderResult",
    "CodingErrorAction",
    "StandardCharsets",
]
