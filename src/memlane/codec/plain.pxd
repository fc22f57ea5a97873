"""All that the binding needs of the codec, in one place."""

from memlane.codec.array cimport is_array
from memlane.codec.decoder cimport Decoder, decode_payload, fetch_all, release_decoder
from memlane.codec.encoder cimport (
    Encoder,
    encode_pickled,
    encode_plain,
    release_encoder,
    write_encoded,
    write_outline,
)
from memlane.codec.format cimport (
    CONTENT_PICKLE,
    CONTENT_PICKLE_BUFFERS,
    CONTENT_PLAIN,
    CONTENT_PLAIN_BUFFERS,
    ENCODED,
    NOT_PLAIN,
    TABLE_START,
    TOO_LARGE,
)
from memlane.codec.payload cimport prefix_size
from memlane.codec.view cimport View, view_of
