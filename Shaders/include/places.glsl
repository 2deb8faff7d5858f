// Where a decoder's rows stand, filled by the host (`Place` in Swift).
//
// Rows of a prompt are positions of one sequence that follow one another; rows of a step of decoding are the last positions
// of as many sequences. Keys and values lie in pages of PAGE rows of the cache, in any order: a table says which, for each
// PAGE positions of a sequence.

const uint PAGE = 64u;
const uint NO_ROW = 0xffffffffu;

struct Place {
    uint position;  // in its sequence
    uint row;       // of the cache, where its keys and values go; NO_ROW for those that fill up a bucket
    uint keys;      // positions of its sequence that are there behind this run; 0 for those that fill up a bucket
    uint slot;      // where the token at hand is kept
    uint drawn;     // where the host reads the token that is drawn
    uint unused[3];
};

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Places {
    Place at[];
};

// What is added to a position to have its row of the cache, the same for all positions of a page. `table` begins at word
// `start`.
uint pageShift(Uints table, uint start, uint position) {
    uint page = position / PAGE;
    return (table.at[start + page] - page) * PAGE;
}
