// Where a decoder is: rows of this run are positions first, first + 1, ... of the sequence.
//
// A prefill's cursor is filled by the host; that of decoding is device memory which `sample` moves on, so that steps follow
// one another without the host.

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Cursor {
    uint first;     // position of the first row
    uint count;     // rows that are real; those behind them fill up a bucket
    uint token;     // decoding: the token at position `first`
    uint step;      // tokens sampled since the prompt
};
