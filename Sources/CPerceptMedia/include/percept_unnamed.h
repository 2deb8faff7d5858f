// Files that have no name and vanish with their last descriptor.
#pragma once

/// One in memory, to be written and read; negative with `errno` where the system has none.
int percept_unnamed_memory(void);

/// One in a folder, on its disk; negative with `errno` where it cannot be made.
int percept_unnamed_file(const char *folder);
