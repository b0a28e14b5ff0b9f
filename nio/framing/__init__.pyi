from nio.framing._buffered_decoder import BufferedDecoder as BufferedDecoder
from nio.framing._contract import Decoder as Decoder
from nio.framing._contract import Framing as Framing
from nio.framing._delimiter import Delimiter as Delimiter
from nio.framing._fixed import Fixed as Fixed
from nio.framing._fixed import Raw as Raw
from nio.framing._length_prefix import LengthPrefix as LengthPrefix
from nio.framing._lines import Lines as Lines
from nio.framing._lines import LinesDecoder as LinesDecoder
from nio.framing._proxy_prefix import ProxyHeader as ProxyHeader
from nio.framing._proxy_prefix import ProxyPrefix as ProxyPrefix

__all__ = [
    "BufferedDecoder",
    "Decoder",
    "Delimiter",
    "Fixed",
    "Framing",
    "LengthPrefix",
    "Lines",
    "LinesDecoder",
    "ProxyHeader",
    "ProxyPrefix",
    "Raw",
]
