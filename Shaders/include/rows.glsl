// The row of a subgroup, where each makes one: workgroups are folded into lines of 32768, since devices need not offer more
// than 65535 along an axis.

uint subgroupRow() {
    return (gl_WorkGroupID.y * 32768u + gl_WorkGroupID.x) * gl_NumSubgroups + gl_SubgroupID;
}
