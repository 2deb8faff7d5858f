// LANES: subgroup size (matmul, matvec) or workgroup size (tiled). TILE_ROWS: rows of the result a workgroup makes.
layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint TILE_ROWS = 32;
