import Foundation

/// The first three descriptors.
enum StandardStreams {
    /// Takes the numbers of those that are closed, so that no other file gets them and, with them, what is meant for the
    /// terminal. Reading and writing there fail as before.
    static func hold() {
        for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
            // The lowest number that is free is this one.
            _ = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
