import Testing

/// The built command, run as a process: one at a time, since each takes all cores where the CPU computes.
@Suite("Command", .serialized, .timeLimit(.minutes(5)))
enum CommandTests {}
