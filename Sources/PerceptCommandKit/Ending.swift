import Foundation
import Percept
import PerceptFiles

/// How the process ends. Every way out of a command goes through here.
///
/// No exit handler runs: threads may still be at work in a driver, whose handlers, like the destructors of C++ libraries,
/// would take away under them what they work with. What is unfinished is removed first.
package enum Ending: Sendable {
    /// With an exit code.
    case code(Int32)
    /// As if by a signal that nobody handles.
    case signal(Int32)

    static func fault(_ code: PerceptError.Code) -> Ending { .code(code.rawValue) }

    /// Ends the process, after what ``Interruption/uninterrupted(_:)`` is doing.
    package func end() -> Never {
        if case .code(0) = self { Console.shared.closeOutput() }
        Interruption.lockForGood()
        endAtOnce()
    }

    /// Ends the process without waiting for anybody.
    func endAtOnce() -> Never {
        Unfinished.remove {
            switch self {
            case .code(let code):
                fflush(nil)
                _exit(code)
            case .signal(let number):
                Self.raise(number)
                _exit(128 + number)
            }
        }
    }

    /// Does not work for the first process of a container, which the system keeps from signals.
    private static func raise(_ number: Int32) {
        guard number == SIGPIPE else { return }
        Foundation.signal(number, SIG_DFL)
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, number)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        Foundation.raise(number)
    }
}
