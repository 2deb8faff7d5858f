#version 460
// Does nothing. It stands in for every kernel of a plan where the host's share of a run is measured.

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 1;

void main() {}
